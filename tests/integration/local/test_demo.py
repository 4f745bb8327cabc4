import json
import socket
import sys
from pathlib import Path

import pytest

from services.local import demo, ports, processes
from services.local.settings import room_environment

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
ARCHIVE = (sys.executable, str(Path(__file__).parent / "stand_in_archive.py"))
# Tells what it was given in a file of the folder where the credentials lie.
TELL = (
    "import pathlib, sys\n"
    "told = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
    "credentials = pathlib.Path(told['--admin-client'])\n"
    "assert credentials.is_file()\n"
    "(credentials.parent / 'told').write_text(told['--base-url'])\n"
)
STORY = (sys.executable, "-c", TELL)
FAILING = (sys.executable, "-c", "raise SystemExit('no disk left')")


def test_the_tour_starts_an_archive_tells_the_story_and_stops_what_it_started(tmp_path: Path) -> None:
    (port,) = ports.free_ports(1)
    demo.run(tmp_path, port, ARCHIVE, STORY)
    assert (tmp_path / "told").read_text() == f"http://127.0.0.1:{port}"
    assert not processes.is_alive(processes.read_mark(tmp_path / "all-in-one.pid"))
    assert ports.is_free(port)


def test_an_archive_that_runs_already_is_used_and_left_running(tmp_path: Path) -> None:
    here, elsewhere = ports.free_ports(2)
    told = {"PYTHONPATH": str(ROOT), "CHARTRIER_HOME": str(tmp_path), "CHARTRIER_PORT": str(here)}
    pid_file, log_file = tmp_path / "it.pid", tmp_path / "it.log"
    mark = processes.spawn(processes.Launch(ARCHIVE, {**room_environment(), **told}, tmp_path, pid_file, log_file))
    try:
        wait = processes.Wait("it", log_file, 20.0, mark)
        processes.wait_until((tmp_path / "admin-client.json").is_file, wait)
        demo.run(tmp_path, elsewhere, FAILING, STORY)
        assert (tmp_path / "told").read_text() == f"http://127.0.0.1:{here}"
        assert processes.is_alive(mark)
    finally:
        processes.kill(mark)


def test_a_busy_port_is_left_to_its_owner_and_another_is_taken(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        busy = other.getsockname()[1]
        demo.run(tmp_path, busy, ARCHIVE, STORY)
    assert not (tmp_path / "told").read_text().endswith(f":{busy}")
    assert f"Port {busy} is taken" in capfd.readouterr().out


def test_credentials_of_an_archive_that_is_gone_do_not_mislead_the_tour(tmp_path: Path) -> None:
    (port, gone) = ports.free_ports(2)
    (tmp_path / "admin-client.json").write_text(json.dumps({"base_url": f"http://127.0.0.1:{gone}"}))
    demo.run(tmp_path, port, ARCHIVE, STORY)
    assert (tmp_path / "told").read_text() == f"http://127.0.0.1:{port}"


def test_beside_a_full_stack_that_is_stopped_the_tour_makes_no_second_archive(tmp_path: Path) -> None:
    (port,) = ports.free_ports(1)
    (tmp_path / "stack.json").write_text(json.dumps({"port": port, "internal_secret": "s" * 32, "rooms": {}}))
    with pytest.raises(demo.DemoError, match="make up"):
        demo.run(tmp_path, port, ARCHIVE, STORY)
    assert [one.name for one in tmp_path.iterdir()] == ["stack.json"]


def test_a_story_that_fails_is_a_failure_and_the_archive_is_stopped_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(demo.DemoError, match=r"all-in-one\.log"):
        demo.run(tmp_path, ports.free_ports(1)[0], ARCHIVE, FAILING)
    assert not processes.is_alive(processes.read_mark(tmp_path / "all-in-one.pid"))


def test_an_archive_that_does_not_start_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(processes.NotReadyError, match="no disk left"):
        demo.run(tmp_path, ports.free_ports(1)[0], FAILING, STORY)
