"""Small files that must be private, whole, and held by one at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def private_folder(folder: Path) -> Path:
    """Make the folder, or close it to all but its owner, and return its absolute path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder.resolve()


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, mode 600: a reader sees the old text or the new, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    draft.replace(path)


def tail(path: Path, lines: int) -> str:
    """Return the last lines of a log, or nothing when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 65536))
            return b"\n".join(log.read().splitlines()[-lines:]).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


class HeldError(Exception):
    """Another process holds the lock."""


@contextmanager
def held(lock_file: Path, *, wait: bool = True) -> Iterator[None]:
    """One holder at a time among all processes; released by the system if the holder dies.

    Without `wait`, `HeldError` where another process has it.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HeldError(str(lock_file)) from error
        yield
