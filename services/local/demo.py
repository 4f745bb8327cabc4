"""The newcomer's tour: an all-in-one archive in the background, one deposit followed from end to end."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx

import services
from services.local import files, ports, processes, stack
from services.local.settings import room_environment
from shared.rooms import ROOMS

_START = (sys.executable, "-m", "services", "all-in-one")
_STORY = (sys.executable, "-m", "chartrier_client.demo")


class DemoError(Exception):
    """The tour could not go to its end; the text says why."""


def run(home: Path, port: int, start: tuple[str, ...] = _START, story: tuple[str, ...] = _STORY) -> None:
    """Tell the story on the archive of this folder; what was not running before is stopped afterwards."""
    home = files.private_folder(home)
    running = _running(home)
    if running is not None:
        print(f"An archive already answers on {running}: the tour uses it and leaves it running.")
        _tell(story, home, running)
        return
    if stack.load(home) is not None:
        # A second archive in the same folder would publish its clients over those of the first.
        raise DemoError(
            f"The full stack of {home} is stopped or not ready: make up, and make status says which part. "
            "For a tour apart from it, give another folder: CHARTRIER_HOME=…"
        )
    if not ports.is_free(port):
        (chosen,) = ports.free_ports(1)
        print(f"Port {port} is taken by another program; the tour takes port {chosen}.")
        port = chosen
    base_url = f"http://127.0.0.1:{port}"
    mark = _launch(home, port, start)
    try:
        wait = processes.Wait("Chartrier", home / "all-in-one.log", 90.0, mark)
        processes.wait_until(lambda: _is_ready(base_url), wait)
        _tell(story, home, base_url)
    finally:
        processes.terminate(mark, grace=30.0)


def _running(home: Path) -> str | None:
    """Read the address in admin-client.json; None unless every room answers there."""
    with suppress(FileNotFoundError, ValueError, KeyError):
        address = str(json.loads((home / "admin-client.json").read_text(encoding="utf-8"))["base_url"])
        return address if _is_ready(address) else None
    return None


def _is_ready(base_url: str) -> bool:
    with suppress(httpx.HTTPError), httpx.Client(base_url=base_url, timeout=5.0) as door:
        return all(door.get(f"/{room}/health/ready").status_code == 200 for room in ROOMS)
    return False


def _environment(home: Path, port: int) -> dict[str, str]:
    root = str(Path(services.__file__).parent.parent)
    return {
        **room_environment(),
        "PYTHONPATH": root,
        "CHARTRIER_HOME": str(home),
        "CHARTRIER_PORT": str(port),
    }


def _launch(home: Path, port: int, start: tuple[str, ...]) -> processes.Mark:
    pid_file, log_file = home / "all-in-one.pid", home / "all-in-one.log"
    return processes.spawn(processes.Launch(start, _environment(home, port), home, pid_file, log_file))


def _tell(story: tuple[str, ...], home: Path, base_url: str) -> None:
    words = (*story, "--base-url", base_url, "--admin-client", str(home / "admin-client.json"))
    if subprocess.run(words, check=False).returncode != 0:
        raise DemoError(f"The tour stopped before its end; the archive's log is {home / 'all-in-one.log'}.")
