"""A start says what it has changed for the rooms."""

from services.local import changes
from services.local.stack_state import ProcessState, State, prepared

SECRET = "s" * 32


def state(told: dict[str, dict[str, str]]) -> State:
    rooms = {name: ProcessState(port=1, command=("run",), told=variables) for name, variables in told.items()}
    return State(port=8000, internal_secret=SECRET, rooms=rooms)


BEFORE = state({"ingest": {"KEPT": "1", "GONE": "hush", "OTHER": "old"}, "proof": {"KEPT": "1"}})
AFTER = state({"ingest": {"KEPT": "1", "NEW": "hush", "OTHER": "hush"}, "proof": {"KEPT": "1"}})


def test_variables_that_differ_are_named_without_values_with_the_rooms_restarted_for_them() -> None:
    assert changes.lines(BEFORE, AFTER, ["ingest", "proof"]) == [
        "Settings changed since the last start: GONE is no longer set, NEW is new, OTHER changed.",
        "Rooms restarted: ingest.",
    ]


def test_rooms_that_did_not_run_are_told_otherwise_but_not_restarted() -> None:
    assert [line.split(":")[0] for line in changes.lines(BEFORE, AFTER, [])] == [
        "Settings changed since the last start"
    ]


def test_nothing_is_said_where_nothing_changed_or_nothing_was() -> None:
    assert changes.lines(BEFORE, BEFORE, ["ingest"]) == []
    assert changes.lines(None, AFTER, []) == []


def test_a_start_that_fails_half_way_leaves_written_what_the_running_rooms_were_told() -> None:
    again = prepared(BEFORE, 8000, ("ingest", "proof", "access"), 1, {})
    assert (again.rooms["ingest"], again.rooms["proof"]) == (BEFORE.rooms["ingest"], BEFORE.rooms["proof"])
    assert again.rooms["access"].told == {}
