"""What `make status` and `make logs` end with."""

import json
import os
import sys
from pathlib import Path

import pytest

from services.local import __main__, files, ports, processes, stack
from services.local.settings import as_if_told


@pytest.mark.parametrize(
    ("postgres", "room", "status"),
    [
        ("running", "ready", 0),
        ("running", "degraded", 0),
        ("running", "unready", 1),
        ("running", "opening", 1),
        ("running", "silent", 1),
        ("running", "stopped", 1),
        ("stopped", "ready", 1),
    ],
)
def test_status_is_zero_only_where_every_part_does_its_work(
    postgres: str, room: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "status", lambda _: {"postgres": postgres, "ingest": room})
    with as_if_told({"CHARTRIER_HOME": str(tmp_path)}):
        assert __main__.main(["status"]) == status


def test_a_room_that_runs_and_does_not_answer_is_silent(tmp_path: Path) -> None:
    (port,) = ports.free_ports(1)
    state = {"port": port, "internal_secret": "s", "rooms": {"ingest": {"port": port}}}
    (tmp_path / "stack.json").write_text(json.dumps(state), encoding="utf-8")
    mark = processes.mark_of(os.getpid())
    assert mark is not None
    files.write_private(tmp_path / "full-stack" / "rooms" / "ingest.pid", mark.model_dump_json())
    assert stack.status(tmp_path)["ingest"] == "silent"


def test_logs_that_somebody_stops_following_are_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = {"ingest": {"port": 1}}
    state = {"port": 8000, "internal_secret": "s", "rooms": rooms}
    (tmp_path / "stack.json").write_text(json.dumps(state), encoding="utf-8")
    log = tmp_path / "full-stack" / "rooms" / "ingest.log"
    log.parent.mkdir(parents=True)
    log.touch()
    # In the place of `tail`: it ends by a signal, whatever it is told.
    ended = tmp_path / "tail"
    ended.write_text(f"#!{sys.executable}\nimport os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n")
    ended.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with as_if_told({"CHARTRIER_HOME": str(tmp_path)}):
        assert __main__.main(["logs"]) == 0
