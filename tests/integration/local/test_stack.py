import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from services.local import __main__, ports, processes, seaweedfs, stack

pytestmark = pytest.mark.integration
STAND_IN = str(Path(__file__).parent / "stand_in_room.py")
# Its own command line shows that it ran with the owner's address.
MIGRATE = "import os,pathlib; pathlib.Path('migrated').write_text(os.environ['CHARTRIER_OWNER_DATABASE_URL'])"
PLAN = stack.Plan(
    rooms=("ingest", "proof"),
    command=(sys.executable, STAND_IN, "{room}", "{port}"),
    migrate=(sys.executable, "-c", MIGRATE),
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Stack]:
    home = tmp_path_factory.mktemp("stack")
    kept = home / "full-stack" / "admin-client.json"
    kept.parent.mkdir(mode=0o700)
    kept.write_text(json.dumps({"client_id": "a", "client_secret": "b"}))
    (port,) = ports.free_ports(1)
    try:
        yield stack.up(home, port, PLAN)
    finally:
        before = all_of(home)
        stack.down(home)
        assert before
        assert all_of(home) == set()


def all_of(home: Path) -> set[int]:
    """Every living process of this stack: its command or its environment names the folder."""
    found = set()
    for process in psutil.process_iter():
        try:
            named = [
                *process.cmdline(),
                process.environ().get("HOME", ""),
                process.environ().get("CHARTRIER_HOME", ""),
            ]
            if process.status() != psutil.STATUS_ZOMBIE and any(str(home / "full-stack") in word for word in named):
                found.add(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_every_part_is_up_and_rooms_answer_behind_one_door(running: stack.Stack) -> None:
    words = stack.status(running.home)
    assert {name: words[name] for name in ("ingest", "proof")} == {"ingest": "ready", "proof": "ready"}
    assert set(words.values()) == {"ready", "running"}
    assert httpx.get(f"{running.base_url}/proof/v1").text == "proof /proof/v1"


def test_tables_are_brought_up_to_date_by_their_owner_before_rooms_start(running: stack.Stack) -> None:
    assert "chartrier_owner@" in (running.home / "migrated").read_text()


def test_secrets_are_private_and_the_credentials_carry_the_door(running: stack.Stack) -> None:
    for name in ("stack.json", "admin-client.json"):
        assert (running.home / name).stat().st_mode & 0o777 == 0o600
    assert json.loads((running.home / "admin-client.json").read_text())["base_url"] == running.base_url


def test_a_killed_room_comes_back_on_its_port_while_the_others_stay(running: stack.Stack) -> None:
    other, room = running.rooms["proof"].mark, running.rooms["ingest"]
    room.kill()
    assert not room.is_alive()
    assert httpx.get(f"{running.base_url}/ingest/v1").status_code == 503
    room.start()
    assert httpx.get(f"{running.base_url}/ingest/v1").text == "ingest /ingest/v1"
    assert running.rooms["proof"].mark == other


def test_starting_again_touches_nothing_that_runs_and_starts_what_does_not(running: stack.Stack) -> None:
    kept = running.rooms["proof"].mark
    running.rooms["ingest"].kill()
    again = stack.up(running.home, running.port, PLAN)
    assert again.rooms["proof"].mark == kept
    assert again.rooms["ingest"].is_ready()


def test_a_site_can_go_down_and_come_back_alone(running: stack.Stack) -> None:
    running.stop_site(1)
    assert stack.status(running.home)["site-b"] == "stopped"
    assert stack.status(running.home)["site-a"] == "running"
    running.start_site(1)
    assert seaweedfs.is_running(running.site_folder(1))


def test_a_room_may_have_two_processes_and_one_of_them_is_enough(running: stack.Stack) -> None:
    doubled = stack.up(running.home, running.port, replace(PLAN, processes=2))
    try:
        assert set(doubled.processes) == {"ingest", "proof", "ingest-2", "proof-2"}
        assert set(stack.status(running.home)) >= {"ingest", "ingest-2"}
        told = doubled.others["ingest-2"].environment
        assert (told["CHARTRIER_PORT"], told["CHARTRIER_ROOM_URLS"]) == (str(doubled.others["ingest-2"].port), "{}")
        for one in (doubled.rooms["ingest"], doubled.others["ingest-2"]):
            one.kill()
            # Asked several times: the door must not go to each in turn.
            answers = [httpx.get(f"{doubled.base_url}/ingest/v1").text for _ in range(5)]
            assert answers == ["ingest /ingest/v1"] * 5
            one.start()
    finally:
        again = stack.up(running.home, running.port, PLAN)
    assert not doubled.others["proof-2"].is_alive()
    assert httpx.get(f"{again.base_url}/ingest/v1").text == "ingest /ingest/v1"


def test_a_stack_may_run_the_code_of_another_tree(running: stack.Stack, tmp_path: Path) -> None:
    one = "import os,pathlib; pathlib.Path('tree').write_text(os.environ['PYTHONPATH'])"
    plan = replace(PLAN, code=tmp_path, migrate=(sys.executable, "-c", one))
    try:
        elsewhere = stack.up(running.home, running.port, plan)
        assert elsewhere.rooms["proof"].environment["PYTHONPATH"] == str(tmp_path)
        assert (running.home / "tree").read_text() == str(tmp_path)
    finally:
        here = stack.up(running.home, running.port, PLAN)
    assert here.rooms["proof"].environment["PYTHONPATH"] == str(stack.HERE)


def test_a_stack_found_again_by_its_folder_is_the_same(running: stack.Stack) -> None:
    found = stack.load(running.home)
    assert found is not None
    assert found.rooms["ingest"].mark == running.rooms["ingest"].mark
    assert processes.is_alive(found.rooms["ingest"].mark)


def test_a_start_says_which_settings_are_gone_and_which_rooms_restarted_for_it(
    running: stack.Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(also: dict[str, str]) -> list[str]:
        __main__.bring_up(running.home, running.port, replace(PLAN, also=also))
        return capsys.readouterr().out.splitlines()[:-1]

    changed, restarted = (
        "Settings changed since the last start: CHARTRIER_DIP_DAYS",
        "Rooms restarted: ingest, proof.",
    )
    stack.up(running.home, running.port, PLAN)
    assert said({"CHARTRIER_DIP_DAYS": "3"}) == [f"{changed} is new.", restarted]
    running.rooms["proof"].kill()
    assert said({}) == [f"{changed} is no longer set.", "Rooms restarted: ingest."]
    assert said({}) == []


def test_a_secret_that_the_operator_gives_stays(running: stack.Stack) -> None:
    given = {"CHARTRIER_INTERNAL_SECRET": "n" * 32}
    for also in (given, {}):
        stack.up(running.home, running.port, replace(PLAN, also=also))
        told = stack.told_to_rooms(running.home)
        assert {variables["CHARTRIER_INTERNAL_SECRET"] for variables in told.values()} == {"n" * 32}


def test_a_port_taken_by_another_program_is_said_plainly(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(stack.StackError, match="taken by another program"):
            stack.up(tmp_path, other.getsockname()[1], PLAN)
