"""What is said of an exception tells its kind and its place, and quotes nothing that it was about."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from asyncpg.exceptions import UniqueViolationError
from lxml import etree
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError

from shared.identifiers import new_id
from shared.messages.access import DipOrderedV1
from shared.messaging.outcome import Rejected, TryAgain
from shared.object_store.errors import StoreUnavailable
from shared.telling import LONGEST, told, told_traceback

NAME = "Madame Planté"


def error_of(function: object, *arguments: object) -> BaseException:
    assert callable(function)
    with pytest.raises(Exception) as caught:  # noqa: PT011 (any: it is what is looked at)
        function(*arguments)
    return caught.value


class Driver(Exception):
    """As SQLAlchemy's dialect wraps what the driver raises."""


def a_broken_constraint() -> None:
    server = UniqueViolationError(f"duplicate key\nDETAIL: Key (name)=({NAME}) already exists.")
    server.constraint_name, server.table_name = "uq_transfer_message", "transfer"
    driver = Driver(f"{server}")
    driver.__cause__ = server
    raise IntegrityError("INSERT …", {"name": NAME}, driver)


class Town(BaseModel):
    name: int


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TryAgain("site b: away"), "TryAgain: site b: away"),
        (Rejected("no transfer 7"), "Rejected: no transfer 7"),
        (StoreUnavailable("sips/7: timed out"), "StoreUnavailable: sips/7: timed out"),
        (ValueError(NAME), "ValueError"),
        (KeyError(NAME), "KeyError"),
        (error_of(Path(f"/nowhere/{NAME}").read_text), "FileNotFoundError: ENOENT"),
        (error_of(etree.fromstring, f"<a>{NAME}</b>"), "XMLSyntaxError"),
        (error_of(NAME.encode, "ascii"), "UnicodeEncodeError"),
        (
            error_of(a_broken_constraint),
            "IntegrityError: Driver 23505 transfer uq_transfer_message",
        ),
        (error_of(Town.model_validate, {"name": NAME}), "ValidationError: Town: name int_parsing"),
        (
            error_of(DipOrderedV1.model_validate, {"dip_id": NAME, "establishment": uuid4()}),
            "ValidationError: DipOrderedV1: dip_id uuid_parsing",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_error_is_told_by_its_kind_and_quotes_nothing(error: BaseException, said: str) -> None:
    assert told(error) == said
    assert NAME not in told_traceback(error)


def test_what_is_told_is_short() -> None:
    assert len(told(TryAgain("x" * 5000))) == LONGEST


def fail_with(name: str) -> None:
    try:
        dict[str, str]()[name]
    except KeyError as error:
        raise ValueError(f"cannot read {name}") from error


def test_a_traceback_shows_our_lines_and_the_kinds_of_errors_that_led_to_one_another() -> None:
    text = told_traceback(error_of(fail_with, NAME))

    assert NAME not in text
    kinds = [line for line in text.splitlines() if line in {"KeyError", "ValueError", "which led to:"}]
    assert kinds == ["KeyError", "which led to:", "ValueError"]
    assert 'raise ValueError(f"cannot read {name}") from error' in text
    assert f'File "{__file__}"' in text


def test_errors_of_a_group_are_told_one_by_one() -> None:
    text = told_traceback(ExceptionGroup(NAME, [ValueError(NAME), TryAgain("broker away")]))

    assert NAME not in text
    assert [line for line in text.splitlines() if not line.startswith(" ")][-1] == "TryAgain: broker away"


def test_an_error_that_leads_to_itself_is_told_once() -> None:
    first, second = ValueError(NAME), KeyError(NAME)
    first.__cause__, second.__cause__ = second, first

    assert told_traceback(first).count("ValueError") == 1


def test_of_a_child_process_the_places_are_told_and_not_the_words() -> None:
    with ProcessPoolExecutor(1) as pool:
        error = pool.submit(int, f'{NAME}\n  File "{NAME}.py", line 1, in secret').exception()
    assert error is not None

    text = told_traceback(error)

    assert NAME not in text
    assert "process.py" in text
    assert text.splitlines()[-1] == "ValueError"


def test_identifiers_in_the_texts_of_our_own_errors_stay() -> None:
    transfer = new_id()

    assert str(transfer) in told_traceback(Rejected(f"no transfer {transfer}"))
