"""docs/errors.md explains each code that a room answers with, and no other; its examples are the answers."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.ingest.berths import STAGING_FULL, no_room
from services.problems_catalogue import reading
from services.problems_catalogue.reading import COMPUTED, Said, problems_said, token_errors, unread_places
from services.problems_catalogue.writing import REMEDIES, document, entries
from shared.problems import answer

ROOT = Path(__file__).parents[2]
PASSING = {408, 429, 503, 507}
"""What passes by itself, by its status (RFC 6585, RFC 9110, RFC 4918)."""

TABLE = """
ROWS = {1: ("a", "Un", "One"), 2: ("b", "Deux", "Two")}

def no(n):
    code, fr, en = ROWS[n]
    return Problem(410, code, fr, en)
"""


@pytest.fixture
def a_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the source of a room may be written, for the reader to read that alone."""
    for folder in ("services/room", "shared"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "shared" / "problems.py").write_text("_BY_STATUS = {}", encoding="utf-8")
    monkeypatch.setattr(reading, "ROOT", tmp_path)
    caches = (reading._calls, reading._module)  # noqa: SLF001 (what it remembers of the real source)
    for cache in caches:
        cache.cache_clear()
    yield tmp_path / "services" / "room" / "api.py"
    for cache in caches:
        cache.cache_clear()


@pytest.fixture(scope="module")
def said() -> list[Said]:
    """Every problem of the real source: read once, and where these tests are collected only, not at all."""
    return problems_said()


def expressions(said: Said) -> Iterator[str]:
    for node in (said.fr, said.extra, said.headers):
        if node is not None:
            yield from (ast.unparse(each) for each in ast.walk(node) if isinstance(each, ast.expr))


def test_every_code_has_its_entry_and_no_entry_is_for_nothing(said: list[Said]) -> None:
    codes = {each.code for each in said}

    assert codes - entries().keys() == set(), "not in services/problems_catalogue/entries.toml: add them, make errors"
    assert entries().keys() - codes == set(), "in entries.toml, and said by nobody"


def test_every_problem_can_be_read_or_somebody_said_why_not() -> None:
    assert unread_places() == COMPUTED.keys()


def test_the_framework_refuses_with_no_status_that_has_no_words_of_ours(said: list[Said]) -> None:
    worded = {each.status for each in said if each.place.endswith(reading.BY_STATUS)} | {408}
    given = {
        node.args[0].value
        for path in (*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "HTTPException"
        if node.args and isinstance(node.args[0], ast.Constant)
    }

    assert given <= worded


def test_the_page_is_in_step_with_the_code() -> None:
    committed = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")

    assert committed == document(), "docs/errors.md is behind what the rooms say: make errors"


@pytest.mark.parametrize("code", sorted(entries()))
def test_an_entry_is_whole_and_its_values_are_used(said: list[Said], code: str) -> None:
    entry = entries()[code]
    used = {expression for each in said if each.code == code for expression in expressions(each)}

    assert entry.remedy in REMEDIES
    assert entry.when.endswith(".")
    assert entry.do.endswith(".")
    assert entry.values.keys() <= used


def test_what_passes_by_itself_is_to_be_waited_for(said: list[Said]) -> None:
    passing = {each.code for each in said if each.status in PASSING}

    assert passing
    assert {code: entries()[code].remedy for code in passing} == dict.fromkeys(passing, "wait")


def test_the_examples_are_the_answers() -> None:
    real = json.loads(bytes(answer(no_room(STAGING_FULL), "fr").body))
    section = document().split("### staging_full\n")[1].split("```")[1]

    assert section.startswith("http\nHTTP/1.1 507 Insufficient Storage\n")
    assert "Retry-After: 60\n" in section
    assert json.loads(section.split("\n\n")[1]) == real


def test_the_code_that_a_function_is_told_is_read_where_it_is_called(said: list[Said]) -> None:
    made = {each.code for each in said if each.place == "services/ingest/api.py:_not_yet"}

    assert made == {"acknowledgement_not_ready", "reply_not_ready"}


def test_errors_of_tokens_are_those_of_oauth() -> None:
    assert token_errors().keys() == {"invalid_client", "invalid_request", "unsupported_grant_type"}


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ('raise Problem(400, "plain", "Un", "One")', {"plain"}),
        ('raise Problem(409, "first" if one else "second", "Un", "One")', {"first", "second"}),
        ('def no(code):\n    return Problem(404, code, "Un", "One")\nA = "told"\nraise no(A)', {"told"}),
        (TABLE, {"a", "b"}),
    ],
    ids=["plain", "a choice", "a maker", "a table"],
)
def test_codes_are_read_however_they_are_said(a_room: Path, source: str, codes: set[str]) -> None:
    a_room.write_text(source, encoding="utf-8")

    assert {each.code for each in problems_said()} == codes
    assert unread_places() == set()


def test_one_that_cannot_be_read_is_not_passed_over(a_room: Path) -> None:
    a_room.write_text('def no():\n    raise Problem(400, somewhere.code, "Un", "One")', encoding="utf-8")

    assert unread_places() == {"services/room/api.py:no"}
