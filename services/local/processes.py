"""Processes that outlive whoever started them, found again by a pid file and never mistaken for another.

A mark is a pid together with the moment its process was born, counted from the machine's boot: a pid that the
system has given to somebody else no longer matches its mark, and is left alone.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

from services.local import files

_POLL = 0.02
# The boot time that births are counted from is read in whole seconds: two readings may differ by one.
_SAME_BIRTH = 1.5
# Names this boot of the machine: after a restart, the pids and times of the last one mean nothing.
_BOOT = Path("/proc/sys/kernel/random/boot_id")
# Kept so that the interpreter reaps those that end while we live; the others are adopted by init.
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


class NotReadyError(Exception):
    """A server ended, or did not answer in time; the text ends with the last lines it wrote."""


class Mark(BaseModel):
    """One process, for ever: no later process with the same number is mistaken for it."""

    model_config = ConfigDict(frozen=True)

    pid: int
    birth: float
    boot: str


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start and where its traces go."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    pid_file: Path
    log_file: Path
    user: int | None = None
    group: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """How long to wait for a server, and what to show when it does not come."""

    name: str
    log_file: Path
    patience: float = 60.0
    mark: Mark | None = field(default=None)


def mark_of(pid: int) -> Mark | None:
    """Return the mark of a living process; None when it is gone or only its exit status remains."""
    _reap(pid)
    try:
        process = psutil.Process(pid)
        # A zombie may still have threads that hold its ports and files: it is gone when they are.
        if process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1:
            _reap(pid)
            return None
        # Both count from the same wall clock: setting the clock does not change their difference.
        birth = round(process.create_time() - psutil.boot_time(), 2)
        return Mark(pid=pid, birth=birth, boot=_this_boot())
    except psutil.NoSuchProcess:
        return None


def _reap(pid: int) -> None:
    """Take the exit status of a child of ours that has ended."""
    child = _CHILDREN.get(pid)
    if child is not None and child.poll() is not None:
        _CHILDREN.pop(pid, None)


def is_alive(mark: Mark | None) -> bool:
    """Tell whether this very process runs."""
    now = mark_of(mark.pid) if mark is not None else None
    if mark is None or now is None:
        return False
    return now.boot == mark.boot and abs(now.birth - mark.birth) < _SAME_BIRTH


def read_mark(pid_file: Path) -> Mark | None:
    """Return the process recorded in a pid file, dead or alive; None without a readable file."""
    try:
        return Mark.model_validate_json(pid_file.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def spawn(launch: Launch) -> Mark:
    """Start a process in a session of its own, so that neither Ctrl-C nor our death reaches it."""
    launch.log_file.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(launch.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            launch.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=launch.folder,
            env=dict(launch.environment),
            start_new_session=True,
            user=launch.user,
            group=launch.group,
            extra_groups=None if launch.group is None else [],
        )
    finally:
        os.close(log)
    _CHILDREN[child.pid] = child
    mark = mark_of(child.pid) or Mark(pid=child.pid, birth=-1.0, boot="")
    files.write_private(launch.pid_file, mark.model_dump_json())
    return mark


def session_of(mark: Mark) -> tuple[Mark, ...]:
    """Every living process of the session that this one leads or led, itself included."""
    leader = mark_of(mark.pid)
    if leader is not None and not is_alive(mark):
        return ()  # the number was given away, which the system does only once the session is empty
    members = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            member = mark_of(pid) if os.getsid(pid) == mark.pid else None
            if member is not None:
                members.append(member)
    return tuple(members)


def descendants_of(mark: Mark) -> tuple[Mark, ...]:
    """Every living process below this one, whatever session it moved to."""
    if not is_alive(mark):
        return ()
    with suppress(psutil.NoSuchProcess):
        below = psutil.Process(mark.pid).children(recursive=True)
        return tuple(found for child in below if (found := mark_of(child.pid)) is not None)
    return ()


def send(mark: Mark, number: signal.Signals) -> None:
    """Signal this very process; nothing happens when it is gone."""
    if is_alive(mark):
        with suppress(ProcessLookupError):
            os.kill(mark.pid, number)


def wait_gone(marks: tuple[Mark, ...], patience: float) -> tuple[Mark, ...]:
    """Wait until these are gone; those still alive when patience ends are returned."""
    end = time.monotonic() + patience
    while (alive := tuple(mark for mark in marks if is_alive(mark))) and time.monotonic() < end:
        time.sleep(_POLL)
    return alive


def kill(mark: Mark) -> None:
    """SIGKILL to the process and all of its session, as a power cut would; returns once they are gone."""
    members = session_of(mark)
    for member in members:
        send(member, signal.SIGKILL)
    wait_gone(members, 10.0)


def terminate(mark: Mark, grace: float = 15.0, first: signal.Signals = signal.SIGTERM) -> None:
    """Ask the process to stop, wait, then kill what is left of its session; returns once nothing is."""
    send(mark, first)
    wait_gone((mark,), grace)
    kill(mark)


def wait_until(probe: Callable[[], bool], wait: Wait) -> None:
    """Poll until the probe says yes; NotReadyError when the process ends or patience does."""
    end = time.monotonic() + wait.patience
    while True:
        if probe():
            return
        if wait.mark is not None and not is_alive(wait.mark):
            raise NotReadyError(f"{wait.name} ended while starting.\n{files.tail(wait.log_file, 20)}")
        if time.monotonic() > end:
            last = files.tail(wait.log_file, 20)
            raise NotReadyError(f"{wait.name} did not answer within {wait.patience:.0f} s.\n{last}")
        time.sleep(_POLL)


@cache
def _this_boot() -> str:
    with suppress(OSError):
        return _BOOT.read_text(encoding="ascii").strip()
    return ""
