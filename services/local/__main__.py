"""`python -m services.local up|down|status|logs|demo`: what `make` calls."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from services.local import demo, processes, rabbitmq, stack
from services.local.settings import LocalSettings, told_by_operator
from shared.configuration import read

# Each says in its text what the operator can do; a trace of our code would only hide it.
_FOR_PEOPLE = (stack.StackError, rabbitmq.MissingServerError, processes.NotReadyError, demo.DemoError)


def main(arguments: list[str]) -> int:
    """Run one command; the exit status is 0 when it did what it says."""
    parser = argparse.ArgumentParser(prog="python -m services.local", description=__doc__)
    parser.add_argument("command", choices=tuple(_COMMANDS))
    command = parser.parse_args(arguments).command
    try:
        return _COMMANDS[command](read(LocalSettings))
    except _FOR_PEOPLE as said:
        print(said, file=sys.stderr)
        return 1


def _up(settings: LocalSettings) -> int:
    running = stack.up(settings.home, settings.port, stack.Plan(also=told_by_operator()))
    print(f"Chartrier answers on {running.base_url}")
    print(f"Administrator's credentials: {settings.home / 'admin-client.json'}")
    print("Then: make status, make logs, make down.")
    return 0


def _down(settings: LocalSettings) -> int:
    stack.down(settings.home)
    print(f"Stopped. The archive stays in {settings.home}; `make up` opens it again.")
    return 0


def _status(settings: LocalSettings) -> int:
    words = stack.status(settings.home)
    if not words:
        print("The full stack was never started here: make up.")
        return 1
    for name, word in words.items():
        print(f"{name:<16} {word}")
    return 0 if all(word != "stopped" for word in words.values()) else 1


def _logs(settings: LocalSettings) -> int:
    known = stack.load(settings.home)
    logs = [] if known is None else [path for path in known.log_files().values() if path.exists()]
    if not logs:
        print("No log yet: make up.")
        return 1
    try:
        return subprocess.run(
            [shutil.which("tail") or "tail", "-n", "20", "-F", *map(str, logs)], check=False
        ).returncode
    except KeyboardInterrupt:
        return 0


def _demo(settings: LocalSettings) -> int:
    demo.run(Path(settings.home), settings.port)
    return 0


_COMMANDS: dict[str, Callable[[LocalSettings], int]] = {
    "up": _up,
    "down": _down,
    "status": _status,
    "logs": _logs,
    "demo": _demo,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
