"""What lines say, put aside on disk."""

from pathlib import Path

import pytest

from services.rebuild import scratch as module
from services.rebuild.scratch import scratch


def test_what_was_not_listed_is_given_some_at_a_time_while_more_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    with scratch() as kept:
        kept.note((f"copy:aips/{number}", "a", {"number": number}) for number in range(5))
        kept.note([("copy:records/1", "a", {}), ("copy:aips/9", "b", {})])
        kept.see(["aips/1"])
        found = []
        for key, said in kept.unseen("copy:", "aips/", "a"):
            kept.see([key, "aips/4"])
            found.append((key, said["number"]))

    assert found == [("aips/0", 0), ("aips/2", 2), ("aips/3", 3)]


def test_it_lies_where_it_is_told_to_and_is_gone_afterwards(tmp_path: Path) -> None:
    with scratch(tmp_path) as kept:
        kept.note([("copy:k", "a", {})])
        assert [one.name for one in tmp_path.rglob("facts")] == ["facts"]

    assert list(tmp_path.iterdir()) == []


def test_what_is_known_stays_where_so_asked() -> None:
    with scratch() as kept:
        kept.note([("copy:k", "a", {"is": "first"})])
        kept.note([("copy:k", "a", {"is": "other"})], over=False)

        assert kept.about(["copy:k"]) == {"copy:k": {"a": {"is": "first"}}}
