"""The raw baseline: the least that keeping something twice can cost, in plain Python, with nothing around it.

SHA-512 of the input once, two copies brought to disk by fsync, both read again from the disk and hashed again.
"""

import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha512
from pathlib import Path

CHUNK = 1 << 20
COPIES = 2


class BadCopyError(Exception):
    """A copy read back was not what had been written: the disk, not the archive, is at fault."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the bare minimum took; `seconds` is the whole."""

    files: int
    size: int
    hashing: float
    copying: float
    verifying: float

    @property
    def seconds(self) -> float:
        """How long all of it took."""
        return self.hashing + self.copying + self.verifying


def measure(inputs: Iterable[Path], folder: Path) -> Baseline:
    """Do the bare minimum on these files, one after the other, in `folder`, and leave nothing there."""
    files = size = 0
    hashing = copying = verifying = 0.0
    for number, source in enumerate(inputs):
        copies = [folder / f"raw-{number}-{copy}" for copy in range(COPIES)]
        try:
            start = time.perf_counter()
            digest = digest_of(source)
            hashed = time.perf_counter()
            for copy in copies:
                _copy(source, copy)
            copied = time.perf_counter()
            for copy in copies:
                _verify(copy, digest)
            verified = time.perf_counter()
        finally:
            for copy in copies:
                copy.unlink(missing_ok=True)
        hashing, copying, verifying = (
            hashing + hashed - start,
            copying + copied - hashed,
            verifying + verified - copied,
        )
        files, size = files + 1, size + source.stat().st_size
    return Baseline(files, size, hashing, copying, verifying)


def digest_of(path: Path) -> str:
    """Return the SHA-512 of a file, read by chunks."""
    digest = sha512()
    with path.open("rb") as content:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _copy(source: Path, copy: Path) -> None:
    with source.open("rb") as content, copy.open("xb") as out:
        shutil.copyfileobj(content, out, CHUNK)
        out.flush()
        os.fsync(out.fileno())


def _verify(copy: Path, digest: str) -> None:
    # Without this the kernel would hand back what we wrote, not what the disk holds.
    with copy.open("rb") as content:
        os.posix_fadvise(content.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if digest_of(copy) != digest:
        raise BadCopyError(f"{copy.name} is not what was written")
