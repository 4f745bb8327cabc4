"""What every object store promises, whatever keeps the bytes behind it.

    put / writer ──▶ object ──▶ open_range, stat, sha512, fetch_to
                       │
                     delete (staging only: no room deletes from a site through this port)

An object never changes once it has its key. Keys are written once: a second put of the same bytes is
answered with the first object's receipt (so a worker may take over from one that died), of other bytes with
`KeyTaken`.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Protocol, Self, TypeAlias

from shared.checksums import Measure
from shared.object_store.errors import UnsafeKey
from shared.object_store.space import Held, Space

# A path is read by the store itself, as fast as the machine allows; a stream is measured as it passes.
Source: TypeAlias = Path | bytes | AsyncIterable[bytes]

NOTHING: Mapping[str, str] = MappingProxyType({})

_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,199}")
_LONGEST_KEY = 900  # S3 allows 1,024 bytes


class LockMode(StrEnum):
    """How hard a store refuses to let bytes go (S3 Object Lock)."""

    GOVERNANCE = "GOVERNANCE"
    COMPLIANCE = "COMPLIANCE"


@dataclass(frozen=True, slots=True)
class Retention:
    """Until when, and how hard, a store must refuse deletion."""

    mode: LockMode
    until: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a store answers once an object is durable there.

    `version_id` is None where a key can hold one version only. `already_there` says that the same bytes were
    found under the key, and that nothing was written.
    """

    key: str
    version_id: str | None
    size: int
    etag: str | None = None
    already_there: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A streamed object's receipt, with what was measured while its bytes passed."""

    receipt: Receipt
    measure: Measure
    other_digests: dict[str, str]


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What a store says of an object without reading it; `announced_sha512` is its writer's word."""

    key: str
    version_id: str | None
    size: int
    modified_at: datetime
    etag: str | None = None
    retention: Retention | None = None
    announced_sha512: str | None = None


def check_key(key: str) -> str:
    """Return the key if every kind of store can hold it: short plain segments, none hidden or climbing."""
    if len(key) > _LONGEST_KEY or not all(_SEGMENT.fullmatch(part) for part in key.split("/")):
        raise UnsafeKey(f"not a key that every store can hold: {key[:_LONGEST_KEY]!r}")
    return key


def fits_in_a_key(name: str) -> bool:
    """Say whether a file of this name could be a part of a key: what could not, no store of ours has written."""
    return _SEGMENT.fullmatch(name) is not None


class ObjectWriter(Protocol):
    """An object whose bytes are arriving. Leaving its `async with` without `commit` leaves nothing behind."""

    @property
    def size(self) -> int:
        """How many bytes have been given so far."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes; waits when the store is slower than the sender."""
        ...

    async def commit(self, *, size: int | None = None, digests: Mapping[str, str] = NOTHING) -> Written:
        """Make the object durable under its key and say what it is.

        `size` and `digests` (hashlib's name → hexadecimal; `sha512`, or those named by `also`) are what the
        sender announced: `WrongBytes` where they differ, and nothing is kept.
        """
        ...

    async def abort(self) -> None:
        """Forget everything received; harmless after a commit."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ObjectStore(Protocol):
    """One place that keeps objects: a folder of a file system, or a bucket.

    No call blocks the event loop. Errors are those of `shared.object_store.errors`, and no other.
    """

    async def put(
        self,
        key: str,
        source: Source,
        *,
        size: int | None = None,
        sha512: str | None = None,
        retention: Retention | None = None,
    ) -> Receipt:
        """Make these bytes durable under a key that is still free.

        `size` is verified. `sha512` is verified on bytes and streams; a file's may be believed (who wants a
        copy proven reads it back with `sha512`) and serves to recognise the same object under the key.
        """
        ...

    async def adopt(self, key: str, path: Path, *, size: int, sha512: str) -> Receipt:
        """Make a local file that nobody else needs an object: moved where it can be, copied where it cannot.

        The file is gone afterwards. A file made in `scratch` moves without being copied.
        """
        ...

    def scratch(self) -> Path | None:
        """Say in which local folder a file for `adopt` is best made; None for wherever the system likes."""
        ...

    def writer(
        self,
        key: str,
        *,
        size: int | None = None,
        retention: Retention | None = None,
        also: tuple[str, ...] = (),
    ) -> ObjectWriter:
        """Receive an object bit by bit; `size` is a hint, `also` names other digests to compute."""
        ...

    async def open_range(
        self, key: str, version_id: str | None = None, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Open part of an object (to its end without `length`), as chunks of at most 1 MiB.

        Whatever can be refused is refused here, before the first chunk. The chunks are exactly `length` bytes
        or end in `StoreUnavailable`. Close the generator if it is not read to its end.
        """
        ...

    async def stat(self, key: str, version_id: str | None = None) -> ObjectFacts:
        """Say what the store holds under a key, or raise `NoSuchObject`."""
        ...

    async def sha512(self, key: str, version_id: str | None = None, *, cold: bool = False) -> Measure:
        """Read the whole object back and measure it; `cold`: from the medium, not from a cache of ours."""
        ...

    async def fetch_to(self, key: str, path: Path, version_id: str | None = None) -> int:
        """Copy an object to a new local file (not fsynced: a working copy) and return its size."""
        ...

    def path_of(self, key: str) -> Path | None:
        """Say where a child process may read the object's file directly; None where there is no such file."""
        ...

    async def delete(self, key: str, version_id: str | None = None) -> None:
        """Remove an object from staging; no error if it is already gone, `ObjectLocked` if it may not go."""
        ...

    async def prepare(self) -> None:
        """Create what an empty store needs (folder, bucket); harmless on one in use."""
        ...

    async def probe(self) -> None:
        """Prove that the store would take and give bytes now, or raise; cheap enough for readiness."""
        ...

    async def space(self, held: Held) -> Space | None:
        """Say how much room is left, within what the operator allows; None where nobody can tell."""
        ...

    async def left_behind(self, folder: str, before: datetime, most: int) -> list[str]:
        """Name up to `most` objects right below a folder that were last written before a moment.

        A listing: for staging, now and then, and never on the way of a deposit.
        """
        ...

    async def close(self) -> None:
        """Let threads and connections go; calls under way have a moment to finish."""
        ...
