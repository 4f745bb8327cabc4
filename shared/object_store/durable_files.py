"""Files that survive a power cut and are never written over: the blocking half of the filesystem store.

    open temporary ─▶ bytes ─▶ drop write permission ─▶ fsync ─▶ link under its name (refuses an existing one)
                                                                  ─▶ fsync folder ─▶ unlink temporary

The temporary folder is also the mark of a store: where it is missing (a volume that is not mounted),
nothing is written, and no object is declared absent.
"""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path

from shared.checksums import MIB, Measure, measure_descriptor
from shared.identifiers import new_id
from shared.object_store.errors import NoSuchObject, StoreError, StoreFull, StoreUnavailable, WrongBytes
from shared.object_store.space import Space

ARRIVING = ".arriving"
SCRATCH = ".scratch"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_ABANDONED_AFTER = 2 * 24 * 3600  # no upload writes nothing for two days
_COPY_AT_ONCE = 64 * MIB


@contextmanager
def store_errors(root: Path, key: str) -> Iterator[None]:
    """Turn what the system says into what the port says."""
    try:
        yield
    except StoreError:
        raise
    except FileNotFoundError as error:
        if not (root / ARRIVING).is_dir():
            raise StoreUnavailable(f"{root} is not there, or not a store: is it mounted?") from error
        raise NoSuchObject(f"no object {key}") from error
    except OSError as error:
        kind = StoreFull if error.errno in _FULL else StoreUnavailable
        raise kind(f"{key}: {error.strerror or error}") from error


def prepare(root: Path) -> None:
    """Create the store's folder, and remove what dead processes left half received long ago."""
    with store_errors(root, "the store"):
        (root / ARRIVING).mkdir(parents=True, exist_ok=True)
        (root / SCRATCH).mkdir(exist_ok=True)
        sync_folder(root)
    remove_abandoned(root)


def remove_abandoned(root: Path) -> int:
    """Remove what dead processes left half received, or in scratch folders, long ago; return how much it was."""
    removed, long_ago = 0, time.time() - _ABANDONED_AFTER
    with store_errors(root, "the store"):
        for left in (root / ARRIVING).iterdir():
            with suppress(FileNotFoundError):
                if left.stat().st_mtime < long_ago:
                    left.unlink()
                    removed += 1
        for folder in (root / SCRATCH).iterdir():
            with suppress(FileNotFoundError):
                if folder.stat().st_mtime < long_ago:
                    shutil.rmtree(folder, ignore_errors=True)
                    removed += 1
    return removed


def space(root: Path, reserve: int) -> Space:
    """Say how much room the store's volume has; asked of our own folder, so not of what it is mounted on."""
    with store_errors(root, "the store"):
        found = os.statvfs(root / ARRIVING)
    return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, reserve)


def left_behind(root: Path, folder: str, before: datetime, most: int) -> list[str]:
    """Name up to `most` files of a folder that were last written before a moment."""
    limit = before.timestamp()
    with store_errors(root, folder), suppress(FileNotFoundError), os.scandir(root / folder) as found:
        old = (one.name for one in found if one.is_file(follow_symlinks=False) and one.stat().st_mtime < limit)
        return [f"{folder}/{name}" for name in islice(old, most)]
    return []


def create_temporary(root: Path) -> tuple[int, Path]:
    """Open a new file that nobody else knows of, on the store's own volume."""
    path = root / ARRIVING / new_id().hex
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), path


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, however many calls it takes."""
    window = memoryview(data)
    while window:
        window = window[os.write(descriptor, window) :]


def copy_all(source: Path, descriptor: int, size: int) -> None:
    """Copy a file inside the kernel; `WrongBytes` if it has not this size any more.

    `sendfile`, not `copy_file_range`: on file systems that share blocks the latter would make two "copies" of
    one set of blocks on the medium, and one bad sector would take both.
    """
    copied = 0
    with source.open("rb", buffering=0) as file:
        while count := os.sendfile(descriptor, file.fileno(), copied, _COPY_AT_ONCE):
            copied += count
    if copied != size:
        raise WrongBytes(f"{source.name}: {size} bytes expected, {copied} read")


def publish(descriptor: int, temporary: Path, target: Path, root: Path) -> None:
    """Make a temporary file durable under its name; `FileExistsError` when the name is taken.

    The temporary name stays, for `discard` to remove.
    """
    os.fchmod(descriptor, 0o444)
    os.fsync(descriptor)
    _link(temporary, target, root)
    sync_folder(target.parent)


def _link(temporary: Path, target: Path, root: Path) -> None:
    # Folders are made on demand: looking first would cost every object a call for the sake of a few.
    try:
        os.link(temporary, target)
    except FileNotFoundError:
        make_folders(target.parent, root)
        os.link(temporary, target)


def make_folders(folder: Path, root: Path) -> None:
    """Create the missing folders below the root, each durable in its parent before the next."""
    if folder == root or folder.is_dir():
        return
    make_folders(folder.parent, root)
    with suppress(FileExistsError):
        folder.mkdir()
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_existing(path: Path) -> int:
    """Make a file found under its name as durable as if we had written it, and return its size."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        size = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    sync_folder(path.parent)
    return size


def discard(descriptor: int, temporary: Path) -> None:
    """Close and remove a temporary file."""
    os.close(descriptor)
    temporary.unlink(missing_ok=True)


def measure(path: Path, *, cold: bool) -> Measure:
    """Read a file to its end; `cold` reads the medium, and leaves the memory to those who need it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if cold:
            # Only clean pages can be dropped. Those of what has its name are: it was fsynced before it had it, and
            # to fsync it again would have the disk itself flush, for every file that is read.
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        result = measure_descriptor(descriptor)
        if cold:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return result
    finally:
        os.close(descriptor)
