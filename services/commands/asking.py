"""Ask the rooms, one after another, and write what they say so that a terminal shows it as it is."""

import argparse
import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from services.commands.frame import Place, at, opened, places
from shared.clock import now
from shared.messaging.transaction import RoomDatabase
from shared.settings import RoomSettings

Said = TypeVar("Said")

_AGO = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def in_room(place: Place, ask: Callable[[RoomDatabase], Awaitable[Said]]) -> Said:
    """Call `ask` with the database of a room, and return what it returns."""

    async def asked(settings: RoomSettings) -> Said:
        async with opened(settings, place.room) as database:
            return await ask(database)

    with at(place) as settings:
        return asyncio.run(asked(settings))


def in_each(room: str | None, ask: Callable[[RoomDatabase], Awaitable[Said]]) -> dict[str, Said]:
    """Call `ask` for each room that this process may speak for, or the one named; return room → what came of it."""
    return {place.room: in_room(place, ask) for place in places(room)}


def moment(written: str) -> datetime:
    """Read an instant: ``2026-11-23T06:00:00Z``, a date (in UTC), or how long ago: ``90m``, ``12h``, ``7d``.

    Raises `argparse.ArgumentTypeError`.
    """
    try:
        if ago := _AGO.fullmatch(written):
            return now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        read = datetime.fromisoformat(written)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{written!r} is no moment: try 12h, 7d or 2026-11-23T06:00:00Z") from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def at_least_one(written: str) -> int:
    """Read a number of things, 1 or more. Raises `argparse.ArgumentTypeError`."""
    if not written.isdecimal() or int(written) < 1:
        raise argparse.ArgumentTypeError(f"{written!r} is no number above zero")
    return int(written)


def plain(text: str) -> str:
    """Return a text with whatever could command a terminal written as an escape; line ends stay."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def one_line(text: str, most: int = 200) -> str:
    """Return a text on one line, cut if it is long."""
    joined = plain(" ".join(text.split()))
    return joined if len(joined) <= most else joined[: most - 1] + "…"


def lasting(seconds: float) -> str:
    """Write a duration as a person would: ``45 s``, ``12 min``, ``3 h``, ``5 d``; what is yet to come as ``-``."""
    if seconds < 0:
        return "-"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return rows as lines, each column as wide as its widest cell, two spaces between."""
    kept = list(rows)
    widths = [max(map(len, column)) for column in zip(*kept, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in kept]
