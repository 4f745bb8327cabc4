"""A file system of a few megabytes, for tests of what happens when one is full."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MIB = 1024**2


@contextmanager
def a_small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a new file system of `size` bytes on `folder`; the test is skipped where nobody lets us mount."""
    folder.mkdir(parents=True, exist_ok=True)
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("no small disk: there is no mount command here")
    command = (mount, "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder))
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no small disk: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: a process that has just ended may still hold a file.
        subprocess.run((umount, "-l", str(folder)), check=True)


def fill(folder: Path, leave: int) -> Path:
    """Write a file that leaves so many bytes free, and return it: removed, they are free again."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(max(0, shutil.disk_usage(folder).free - leave)))
    return ballast
