"""docs/journal-acts.md has each act that the rooms write, and no other; each has a test that finds its line."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.acts_catalogue import reading
from services.acts_catalogue.reading import ANY, acts_written, unread_places
from services.acts_catalogue.register import ACTORS, act_of, register
from services.acts_catalogue.writing import document
from tests.builders.journal import a_line

ROOT = Path(__file__).parents[2]
ACTS = register()

REQUIRED = {
    "deposit": ("transfer.received", "transfer.accepted", "transfer.rejected", "transfer.refused"),
    "controls": ("aip.built", "transfer.decided"),
    "copies": ("copy.written", "aip.stored", "copy.repaired", "copy.deleted", "aip.damaged"),
    "integrity": ("audit.completed", "audit.sample.completed", "aip.restore_tested"),
    "elimination": ("purge.ordered", "purge.begun", "purge.refused", "aip.purged", "aip.forgotten"),
    "consultation": ("content.communicated", "unit.described", "catalogue.searched", "dip.ordered", "aip.read"),
    "consultation refused": ("content.refused", "unit.refused", "aip.refused", "journal.refused", "access.refused"),
    "journals read and verified": ("journal.read", "journal.verified"),
    "answers handed over": ("acknowledgement.communicated", "reply.communicated"),
    "start, stop, upgrade, settings": ("room.started", "room.stopped", "tables.migrated"),
    "parameters": ("agreement.published", "profile.approved", "rules.published", "organisation.changed"),
    "users, roles, keys": ("client.created", "mandate.given", "client.disabled", "signing_key.made"),
    "refused logins": ("token.refused",),
    "storage volumes": ("site.declared", "site.retired", "site.destroyed"),
    "backup and recovery": ("backup.noted", "recovery.drilled", "archive.rebuilt"),
    "administrators' interventions": (
        "dead_letter.replayed",
        "dead_letter.dropped",
        "work.abandoned",
        "journals.closed",
    ),
}
"""What NF Z42-013, CPCE R55-4 and our requirements PRV-01, PRV-13 and GOV-06 name, and the lines that tell of it."""


@pytest.fixture
def a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the source of a room may be written, for the reader to read that alone."""
    for folder in ("services/room", "shared"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(reading, "ROOT", tmp_path)
    caches = (reading._paths, reading._calls, reading._module, reading._imports)  # noqa: SLF001 (what it remembers of the real source)
    for cache in caches:
        cache.cache_clear()
    yield tmp_path / "services" / "room" / "handlers.py"
    for cache in caches:
        cache.cache_clear()


def test_every_act_is_in_the_register_and_no_entry_is_for_nothing() -> None:
    written = {each.action for each in acts_written()}

    assert written - ACTS.keys() == set(), "not in services/acts_catalogue/entries.toml: add them, make acts"
    assert ACTS.keys() - written == set(), "in entries.toml, and written by nobody"


def test_every_act_can_be_read_from_the_source() -> None:
    assert unread_places() == set()


def test_the_page_is_in_step_with_the_register() -> None:
    committed = (ROOT / "docs" / "journal-acts.md").read_text(encoding="utf-8")

    assert committed == document(), "docs/journal-acts.md is behind its entries: make acts"


@pytest.mark.parametrize("subject", REQUIRED)
def test_what_the_norms_name_has_its_acts(subject: str) -> None:
    assert [action for action in REQUIRED[subject] if act_of(action) is None] == []


@pytest.mark.parametrize("action", ACTS)
def test_an_entry_is_whole_and_points_to_a_test_that_looks_for_its_line(action: str) -> None:
    act = ACTS[action]
    place, _, name = act.shown.partition(":")
    source = (ROOT / place).read_text(encoding="utf-8")
    looked_for = re.escape(action).replace(re.escape(ANY), "[a-z_]+")

    assert set(act.kinds) <= {"archives", "events", "writes"}
    assert act.by
    assert set(act.by) <= ACTORS.keys()
    assert act.when.endswith(".")
    assert act.source
    assert not name or name in {getattr(node, "name", "") for node in ast.walk(ast.parse(source))}, act.shown
    assert re.search(looked_for, source), f"{place} does not name {action}"


@pytest.mark.parametrize(
    ("source", "actions"),
    [
        ('JournalLineV1(kind="events", action="a.plain")', {"a.plain"}),
        (
            'def one(x):\n    done = "a.first" if x else "a.second"\n    JournalLineV1(action=done)',
            {"a.first", "a.second"},
        ),
        ('WORD = "a.constant"\nJournalLineV1(action=WORD)', {"a.constant"}),
        ('def made(tx, action):\n    JournalLineV1(action=action)\nmade(1, "a.told")', {"a.told"}),
        ('def one(x):\n    JournalLineV1(action=f"{x}.computed")', {"*.computed"}),
    ],
    ids=["plain", "a choice", "a constant", "a maker", "a pattern"],
)
def test_acts_are_read_however_they_are_given(a_source: Path, source: str, actions: set[str]) -> None:
    a_source.write_text(source, encoding="utf-8")

    assert {each.action for each in acts_written()} == actions
    assert unread_places() == set()


def test_one_that_cannot_be_read_is_not_passed_over(a_source: Path) -> None:
    a_source.write_text("def one(x):\n    JournalLineV1(action=x.word)", encoding="utf-8")

    assert unread_places() == {"services/room/handlers.py:one"}


def test_a_line_that_is_not_as_the_register_says_is_told() -> None:
    act = ACTS["transfer.received"]
    good = a_line("transfer.received", details={"sha512": "0"}).model_copy(update={"actor": "client:x"})

    assert act.faults_of(good) == []
    assert act.faults_of(good.model_copy(update={"details": {"name": "Le Goff"}})) == ["details ['name']"]
    assert act.faults_of(good.model_copy(update={"actor": "Yvonne", "kind": "events"})) == [
        "kind events",
        "actor Yvonne",
    ]
