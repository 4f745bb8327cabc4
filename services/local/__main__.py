"""`python -m services.local up|down|status|logs|demo`: what `make` calls."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from services.local import changes, checking, demo, processes, rabbitmq, stack, stack_state
from services.local.settings import LocalSettings, told_by_operator
from shared.configuration import read

# Each says in its text what the operator can do; a trace of our code would only hide it.
_FOR_PEOPLE = (stack.StackError, rabbitmq.MissingServerError, processes.NotReadyError, demo.DemoError)


def main(arguments: list[str]) -> int:
    """Run one command; the exit status is 0 when it did what it says."""
    parser = argparse.ArgumentParser(prog="python -m services.local", description=__doc__)
    parser.add_argument("command", choices=tuple(_COMMANDS))
    command = parser.parse_args(arguments).command
    if command == "up":
        checking.require_right()
    try:
        return _COMMANDS[command](read(LocalSettings))
    except _FOR_PEOPLE as said:
        print(said, file=sys.stderr)
        return 1


def _up(settings: LocalSettings) -> int:
    bring_up(settings.home, settings.port, stack.Plan(also=told_by_operator()))
    print(f"Administrator's credentials: {settings.home / 'admin-client.json'}")
    print("Then: make status, make logs, make down.")
    return 0


def bring_up(home: Path, port: int, plan: stack.Plan) -> None:
    """Start the stack; say what it is told otherwise than before, and which rooms had to be restarted for it."""
    before, known = stack_state.read(home), stack.load(home)
    alive = [] if known is None else [name for name, room in known.processes.items() if room.is_alive()]
    running = stack.up(home, port, plan)
    for line in changes.lines(before, stack_state.read(running.home), alive):
        print(line)
    print(f"Chartrier answers on {running.base_url}")


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
    return 0 if stack.WELL.issuperset(words.values()) else 1


def _logs(settings: LocalSettings) -> int:
    known = stack.load(settings.home)
    logs = [] if known is None else [path for path in known.log_files().values() if path.exists()]
    if not logs:
        print("No log yet: make up.")
        return 1
    try:
        return _follow([shutil.which("tail") or "tail", "-n", "20", "-F", *map(str, logs)])
    except KeyboardInterrupt:
        return 0


def _follow(command: list[str]) -> int:
    """Run a command that somebody stops once they have seen enough, by Ctrl-C or by a signal: that is no failure."""
    return max(0, subprocess.run(command, check=False).returncode)


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
