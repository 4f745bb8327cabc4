"""A room whose workers are a process of their own, told to die at one place of `shared.faults`; its HTTP stays up.

It is seen by its exit that it died there: SIGKILL, which nothing but that place sends it.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from services.local.rooms import Room
from trials.levers import Amiss, Levers, until

REACHED_WITHIN = 120.0
"""Seconds within which a flow comes by its place: the longest rest of a hand is 60."""


@dataclass(frozen=True)
class Parted:
    """A room in two processes: one answers, one works; the second is started only as one that is to die."""

    worker: Room

    @contextmanager
    def dying(self, place: str) -> Iterator[None]:
        """Start the workers, which die at a place that the block leads them to; return once they have."""
        armed = replace(self.worker, environment={**self.worker.environment, "CHARTRIER_FAULT_AT": place})
        armed.launch()
        try:
            yield
            _require_killed(armed, place)
        finally:
            armed.kill()


@contextmanager
def parted(levers: Levers, room: str, folder: Path, also: Mapping[str, str] | None = None) -> Iterator[Parted]:
    """Part a room, told `also` this, for as long as the block lasts; then it is one process again, and ready.

    Its workers' traces lie in `folder`.
    """
    levers.room(room).stop()
    first, worker = told(levers.room(room), also), told(levers.beside(room, folder), also)
    folder.mkdir(exist_ok=True)
    worker.kill()  # of a trial that was killed itself
    api = replace(first, command=(*first.command[:-1], "api"))
    api.start()
    try:
        yield Parted(worker)
    finally:
        api.stop()
        first.start()


def told(room: Room, also: Mapping[str, str] | None) -> Room:
    """Return a room that is told more, or otherwise."""
    return replace(room, environment={**room.environment, **(also or {})})


def started_anew(levers: Levers, room: str, also: Mapping[str, str] | None = None) -> None:
    """Stop a room and start it, told `also` this: what it does once an hour it does at its start."""
    levers.room(room).stop()
    told(levers.room(room), also).start()


def command(room: Room, *words: str, fault_at: str = "") -> int:
    """Run a command of the operator as a room would; return its exit status, negative if a signal ended it."""
    environment = {**room.environment, "CHARTRIER_FAULT_AT": fault_at}
    with (room.folder / "commands.log").open("ab") as log:
        return subprocess.run(  # noqa: S603 (words of ours)
            [room.command[0], "-m", "services", *words],
            cwd=room.folder,
            env=environment,
            stdout=log,
            stderr=log,
            check=False,
            timeout=REACHED_WITHIN,
        ).returncode


def _require_killed(armed: Room, place: str) -> None:
    mark = armed.mark
    if mark is None:
        raise AssertionError(f"{armed.name} was never started")
    # Looked at without being reaped, as `Levers.terminate` does.
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT
    try:
        ended = until(lambda: os.waitid(os.P_PID, mark.pid, look), patience=REACHED_WITHIN)
    except Amiss as error:
        raise Amiss(f"{armed.name} never came by {place}") from error
    if ended is None or (ended.si_code, ended.si_status) != (os.CLD_KILLED, signal.SIGKILL):
        raise Amiss(f"{armed.name} was to die at {place}, and ended otherwise: {ended}")
