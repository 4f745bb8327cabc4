"""A DIP: its order, its states, and the names of what it holds.

ordered ──► ready ──► expired
└──────► failed

It expires before its time, or fails, where something that it may hold was eliminated.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

_DATA = "representations/original/data/"
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\:*?<>|]')


class DipState(StrEnum):
    """How far an order has come; `failed` and `expired` are final."""

    ORDERED = "ordered"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Dip:
    """An order: units of one establishment; with the package's key, size and digest once it is ready."""

    id: UUID
    establishment: UUID
    orderer: str
    units: tuple[UUID, ...]
    state: DipState
    ordered_at: datetime
    expires_at: datetime
    key: str | None = None
    size: int | None = None
    sha512: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DipFile:
    """A file that goes into a DIP: where its bytes lie, what they must be, and its name in the package.

    Its `offset` is that in a version of its AIP; None: the newest.
    """

    object_id: UUID
    aip_id: UUID
    version: int | None
    offset: int
    size: int
    sha512: str
    filename: str | None
    puid: str | None
    name: str


class Names:
    """Names of the files of a DIP: as deposited, below their AIP; safe on any system, and each given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def name(self, aip_id: UUID, object_id: UUID, path: str) -> str:
        """Return ``content/<aip>/<path as deposited>``, marked with the object where that is taken."""
        name = f"content/{aip_id}/{'/'.join(_safe(path.removeprefix(_DATA).split('/')))}"
        if name.casefold() in self._given:
            folder, _, last = name.rpartition("/")
            name = f"{folder}/{object_id}_{last}"
        self._given.add(name.casefold())
        return name


def _safe(parts: Iterable[str]) -> Iterable[str]:
    for part in parts:
        if part not in ("", ".", ".."):
            # Windows drops final dots and blanks, and so would make two names one.
            yield _UNSAFE.sub("_", part).rstrip(" .") or "_"


def package_key(dip_id: UUID, epoch: int) -> str:
    """Return where one attempt's package lies: two workers of one order never write to one key."""
    return f"dips/{dip_id}-{epoch}.zip"
