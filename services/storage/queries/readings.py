"""Copies that hands read and found whole, written down: by far the most, so by one statement that stands alone.

The driver is asked itself: around a statement that costs a quarter of a millisecond, and runs for ever, SQLAlchemy
costs half of one more.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.audits import Examined
from services.storage.queries.audits import FADING, Hand
from shared.messaging.lease import Lease

_TYPES = {
    "work": "bigint",
    "epoch": "integer",
    "holding": "uuid",
    "version": "integer",
    "site": "text",
    "written_at": "timestamptz",
    "at": "timestamptz",
    "seen_bare": "boolean",
    "hand": "integer",
    "bytes": "bigint",
    "seconds": "double precision",
}
_ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_TYPES.values(), start=1))

# What a hand found counts if its lease is still its own, and a copy moves on if it still is the one that was read:
# both are looked at anew behind whoever changes them meanwhile.
_NOTE = f"""
    WITH read AS (SELECT * FROM unnest({_ARRAYS}) AS read ({", ".join(_TYPES)})),
    held AS (
        SELECT work.id FROM work JOIN read ON work.id = read.work AND work.epoch = read.epoch
        ORDER BY work.id FOR UPDATE OF work
    ),
    moved AS (
        UPDATE copy
        SET verified_at = greatest(copy.verified_at, read.at),
            overlaid_at = CASE WHEN NOT read.seen_bare THEN copy.overlaid_at END,
            unread_at = NULL
        FROM read JOIN held ON held.id = read.work
        WHERE copy.holding = read.holding AND copy.version = read.version AND copy.site = read.site
          AND copy.state = 'verified' AND copy.written_at = read.written_at
    ),
    counted AS (
        INSERT INTO audit_hand AS so_far (site, hand, copies, bytes, recent_bytes, recent_seconds)
        SELECT read.site, read.hand, 1, read.bytes, read.bytes, read.seconds
        FROM read JOIN held ON held.id = read.work
        ON CONFLICT (site, hand) DO UPDATE
        SET copies = so_far.copies + 1,
            bytes = so_far.bytes + excluded.bytes,
            recent_bytes = so_far.recent_bytes * {FADING} + excluded.recent_bytes,
            recent_seconds = so_far.recent_seconds * {FADING} + excluded.recent_seconds
    )
    SELECT id FROM held
    """  # noqa: S608 (what is put in is ours)


async def note_whole(connection: AsyncConnection, readings: Sequence[tuple[Lease, Hand, Examined]]) -> set[int]:
    """Note copies read whole, one of each hand; return the works (their ids) whose leases were still held.

    Of the others nothing is noted. Raises what the driver raises.
    """
    rows = [
        (
            held.id,
            held.epoch,
            one.due.holding,
            one.due.version,
            one.due.site,
            one.due.written_at,
            one.at,
            one.overlaid is False,
            hand.number,
            one.due.expected.size,
            one.seconds,
        )
        for held, hand, one in readings
    ]
    driver: Any = (await connection.get_raw_connection()).driver_connection
    return {row["id"] for row in await driver.fetch(_NOTE, *(list(column) for column in zip(*rows, strict=True)))}
