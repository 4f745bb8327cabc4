import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from services.local import processes
from services.local.settings import server_environment

pytestmark = pytest.mark.integration

# Ends on TERM after saying so.
POLITE = "import signal,sys; signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit(0)))\n"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
CHILD = (
    "import subprocess, sys, signal\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
    "print(child.pid)\n"
)
WAIT_FOREVER = "print('ready', flush=True)\nsignal.pause()"


def launch(folder: Path, program: str) -> processes.Mark:
    order = processes.Launch(
        command=(sys.executable, "-c", program),
        environment=server_environment(folder),
        folder=folder,
        pid_file=folder / "it.pid",
        log_file=folder / "it.log",
    )
    mark = processes.spawn(order)
    log = folder / "it.log"
    processes.wait_until(lambda: "ready" in log.read_text(), processes.Wait("it", log, 20.0, mark))
    return mark


def test_a_process_is_found_again_by_its_pid_file_and_stops_when_asked(tmp_path: Path) -> None:
    mark = launch(tmp_path, POLITE + WAIT_FOREVER)
    assert processes.read_mark(tmp_path / "it.pid") == mark
    assert processes.is_alive(mark)
    processes.terminate(mark)
    assert not processes.is_alive(mark)
    assert "bye" in (tmp_path / "it.log").read_text()


def test_a_process_that_will_not_stop_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = launch(tmp_path, DEAF + CHILD + WAIT_FOREVER)
    child_pid = int((tmp_path / "it.log").read_text().split()[0])
    processes.terminate(mark, grace=0.1)
    assert not processes.is_alive(mark)
    assert not psutil.pid_exists(child_pid) or psutil.Process(child_pid).status() == psutil.STATUS_ZOMBIE


def test_children_whose_leader_died_are_still_ended(tmp_path: Path) -> None:
    mark = launch(tmp_path, CHILD + WAIT_FOREVER)
    orphan = processes.mark_of(int((tmp_path / "it.log").read_text().split()[0]))
    os.kill(mark.pid, signal.SIGKILL)
    processes.wait_gone((mark,), 10.0)
    assert processes.is_alive(orphan)
    processes.kill(mark)
    assert not processes.is_alive(orphan)


def test_a_pid_that_now_belongs_to_another_process_is_never_touched(tmp_path: Path) -> None:
    mark = launch(tmp_path, "import signal\n" + WAIT_FOREVER)
    born_earlier = mark.model_copy(update={"birth": mark.birth - 3600})
    before_a_restart = mark.model_copy(update={"boot": "another"})
    for stranger in (born_earlier, before_a_restart):
        assert not processes.is_alive(stranger)
        processes.terminate(stranger)
        processes.kill(stranger)
    assert processes.is_alive(mark)
    processes.kill(mark)


def test_a_process_survives_the_death_of_whoever_started_it(tmp_path: Path) -> None:
    starter = (
        "import os, sys; from pathlib import Path\n"
        "from services.local import processes\n"
        "home = Path(sys.argv[1])\n"
        "command = (sys.executable, '-c', 'import signal; signal.pause()')\n"
        "processes.spawn(processes.Launch(command, {}, home, home / 'it.pid', home / 'it.log'))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", starter, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    mark = processes.read_mark(tmp_path / "it.pid")
    assert mark is not None
    assert processes.is_alive(mark)
    processes.kill(mark)


def test_a_server_that_ends_while_starting_is_reported_with_its_last_words(tmp_path: Path) -> None:
    order = processes.Launch(
        command=(sys.executable, "-c", "raise SystemExit('no disk left')"),
        environment=server_environment(tmp_path),
        folder=tmp_path,
        pid_file=tmp_path / "it.pid",
        log_file=tmp_path / "it.log",
    )
    mark = processes.spawn(order)
    with pytest.raises(processes.NotReadyError, match=r"(?s)ended while starting.*no disk left"):
        processes.wait_until(lambda: False, processes.Wait("It", tmp_path / "it.log", 20.0, mark))


def test_a_server_that_never_answers_is_reported_when_patience_ends(tmp_path: Path) -> None:
    with pytest.raises(processes.NotReadyError, match="did not answer within"):
        processes.wait_until(lambda: False, processes.Wait("It", tmp_path / "none.log", 0.05))
