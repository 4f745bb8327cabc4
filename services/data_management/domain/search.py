"""What a search asks, how far its pages have come, and words as the index knows them."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import date
from uuid import UUID

EXACT_UP_TO = 10_000
"""A total is exact up to here; beyond, it says `at least this many`."""

_SEPARATORS = re.compile(r"(?<=\w)[-_./\\:@'’](?=\w)")


class BadCursor(Exception):
    """The cursor is not one of ours."""


@dataclass(frozen=True, slots=True)
class Search:
    """A search within `establishments` (None: wherever the caller may look); every condition must hold."""

    establishments: tuple[UUID, ...] | None = None
    words: str | None = None
    identifier: str | None = None
    level: str | None = None
    aip: UUID | None = None
    transfer: UUID | None = None
    parent: UUID | None = None
    start_from: date | None = None
    end_to: date | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The last unit of a page. `rank` is None where units are listed newest first."""

    aip: UUID
    position: int
    rank: float | None = None


def searchable(words: str) -> str:
    """Split words where the index does (``sous-préfet``, ``a_b.pdf``); a leading ``-`` still excludes."""
    return _SEPARATORS.sub(" ", words).strip()


def encode_place(place: Place) -> str:
    """Write a place as an opaque cursor."""
    text = json.dumps([str(place.aip), place.position, place.rank], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_place(cursor: str) -> Place:
    """Read a cursor. Raises `BadCursor`."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        aip, position, rank = json.loads(base64.b64decode(padded, b"-_", validate=True))
        if type(position) is not int or not 0 <= position < 2**31 or not isinstance(rank, float | None):
            raise BadCursor(cursor)
        return Place(UUID(aip), position, rank)
    except (binascii.Error, ValueError, TypeError, AttributeError) as error:
        raise BadCursor(cursor) from error
