"""The life of an order to purge: every step that is not on its way is refused."""

from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest

from services.storage.domain.purges import (
    ENDS,
    NEXT,
    IllegalStep,
    PurgeState,
    check_step,
    fingerprint,
    is_contradictory,
)
from shared.messages.admin import PurgeOrderedV1

LEGAL = {
    ("ordered", "rewriting"),
    ("ordered", "deleting"),
    ("rewriting", "releasing"),
    ("rewriting", "refused"),
    ("releasing", "done"),
    ("deleting", "done"),
}


@pytest.mark.parametrize(("state", "following"), list(product(PurgeState, PurgeState)))
def test_only_the_steps_of_its_life_are_taken(state: PurgeState, following: PurgeState) -> None:
    if (state.value, following.value) in LEGAL:
        check_step(state, following)
    else:
        with pytest.raises(IllegalStep):
            check_step(state, following)


def test_every_state_has_its_way_and_two_are_ends() -> None:
    assert NEXT.keys() == set(PurgeState)
    assert set(ENDS) == {PurgeState.DONE, PurgeState.REFUSED}


def an_order(**changed: object) -> PurgeOrderedV1:
    values: dict[str, object] = {
        "order_id": UUID(int=1),
        "establishment": UUID(int=2),
        "aip_id": UUID(int=3),
        "scope": "units",
        "units": (UUID(int=7), UUID(int=6)),
        "list_sha512": "a" * 128,
        "visa_sha512": "b" * 128,
        "ordered_at": datetime(2026, 3, 14, tzinfo=UTC),
        "ordered_by": "client:tests",
    }
    return PurgeOrderedV1.model_validate(values | changed)


def test_an_order_is_known_by_what_it_says_however_it_was_told() -> None:
    again = an_order(causation_id=UUID(int=9), units=(UUID(int=6), UUID(int=7), UUID(int=6)))

    assert fingerprint(an_order()) == fingerprint(again)


@pytest.mark.parametrize(
    ("scope", "units", "expected"),
    [("aip", (), False), ("units", (UUID(int=6),), False), ("units", (), True), ("aip", (UUID(int=6),), True)],
    ids=["whole", "part", "nothing", "both"],
)
def test_an_order_is_on_the_whole_or_names_its_units(scope: str, units: tuple[UUID, ...], expected: bool) -> None:
    assert is_contradictory(an_order(scope=scope, units=units)) is expected


@pytest.mark.parametrize(
    "changed",
    [{"aip_id": UUID(int=4)}, {"units": (UUID(int=5),)}, {"list_sha512": "c" * 128}, {"ordered_by": "client:other"}],
    ids=lambda changed: next(iter(changed)),
)
def test_an_order_that_says_something_else_is_another(changed: dict[str, object]) -> None:
    assert fingerprint(an_order(**changed)) != fingerprint(an_order())
