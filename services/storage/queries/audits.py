"""Audits in the copy map: what is due, what was read again, how far each hand of a site is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Float,
    Integer,
    Text,
    bindparam,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.audits import Bookmark, Due, Examined, Verdict
from services.storage.domain.forecasts import Age
from services.storage.tables import audit_hand, copy, holding
from shared.checksums import Measure

AUDITED = ("storing", "stored", "damaged")
"""States of holdings whose verified copies are read again: all that are not on their way out."""

DUE_COLUMNS = (
    copy.c.holding,
    copy.c.version,
    holding.c.kind,
    holding.c.establishment,
    copy.c.site,
    holding.c.key,
    copy.c.version_id,
    holding.c.sha512,
    holding.c.size,
    copy.c.written_at,
    copy.c.verified_at,
)
VERIFIED = (
    select(*DUE_COLUMNS)
    .join_from(copy, holding, (copy.c.holding == holding.c.id) & (copy.c.version == holding.c.version))
    .where(copy.c.state == "verified", holding.c.state.in_(AUDITED))
)
"""Copies that may be audited."""

# The last byte of an identifier is random: each hand has its part of every age.
_HAND = func.get_byte(func.uuid_send(copy.c.holding), 15) % bindparam("hands", type_=Integer)
_ORDER = (copy.c.verified_at, copy.c.holding, copy.c.version)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_DUE = (
    VERIFIED.where(
        copy.c.site == bindparam("on_site"),
        copy.c.verified_at < bindparam("before", type_=DateTime(timezone=True)),
        # Twice, for the index knows moments only.
        copy.c.verified_at >= bindparam("since", type_=DateTime(timezone=True)),
        tuple_(*_ORDER)
        > tuple_(bindparam("since"), bindparam("behind", type_=UUID_TYPE), bindparam("behind_version")),
        bindparam("hand", type_=Integer) == _HAND,
    )
    .order_by(*_ORDER)
    .limit(bindparam("most", type_=Integer))
)


@dataclass(frozen=True, slots=True)
class Hand:
    """One of the hands that share a site out among them."""

    site: str
    number: int
    hands: int


def due_of(row: Sequence[Any]) -> Due:
    """Read a row of `DUE_COLUMNS`."""
    holding_id, version, kind, owner, site, key, version_id, sha512, size, written_at, verified_at = row
    expected = Measure(sha512, size)
    return Due(holding_id, version, kind, owner, site, key, version_id, expected, written_at, verified_at)


async def due(
    connection: AsyncConnection, hand: Hand, before: datetime, after: Due | Bookmark | None, most: int
) -> list[Due]:
    """Return a hand's copies that were last read before a moment, the oldest first, from behind one of them on."""
    values = {
        "on_site": hand.site,
        "hand": hand.number,
        "hands": hand.hands,
        "since": _LONG_AGO if after is None else after.verified_at,
        "behind": UUID(int=0) if after is None else after.holding,
        "behind_version": 0 if after is None else after.version,
        "before": before,
        "most": most,
    }
    return [due_of(row) for row in await connection.execute(_DUE, values)]


_ONE = VERIFIED.where(
    copy.c.holding == bindparam("of"), copy.c.version == bindparam("in_version"), copy.c.site == bindparam("on_site")
)


async def one(connection: AsyncConnection, holding_id: UUID, version: int, site: str) -> Due | None:
    """Return one copy if it may be audited."""
    values = {"of": holding_id, "in_version": version, "on_site": site}
    row = (await connection.execute(_ONE, values)).one_or_none()
    return None if row is None else due_of(row)


_READ = (
    func.unnest(
        bindparam("ids", type_=ARRAY(UUID_TYPE)),
        bindparam("versions", type_=ARRAY(Integer)),
        bindparam("sites", type_=ARRAY(Text)),
        bindparam("writings", type_=ARRAY(DateTime(timezone=True))),
        bindparam("moments", type_=ARRAY(DateTime(timezone=True))),
    )
    .table_valued("holding", "version", "site", "written_at", "at")
    .render_derived(name="read")
)
_MOVE = (
    update(copy)
    .where(
        copy.c.holding == _READ.c.holding,
        copy.c.version == _READ.c.version,
        copy.c.site == _READ.c.site,
        copy.c.state == "verified",
        # Another writing than we read is another's to judge.
        copy.c.written_at == _READ.c.written_at,
    )
    .values(verified_at=func.greatest(copy.c.verified_at, _READ.c.at), unread_at=None)
)


async def note_whole(connection: AsyncConnection, whole: Sequence[Examined]) -> None:
    """Note when copies were read whole."""
    if whole:
        values = {
            "ids": [one.due.holding for one in whole],
            "versions": [one.due.version for one in whole],
            "sites": [one.due.site for one in whole],
            "writings": [one.due.written_at for one in whole],
            "moments": [one.at for one in whole],
        }
        await connection.execute(_MOVE, values)


FADING = 0.999
"""What is left of a recent sum with each note more: the last thousand or so tell the speed."""

_SUMS = ("copies", "bytes", "lost", "overlaid", "unknown")
_RECENT = {"recent_bytes": Float, "recent_seconds": Float}
_TYPES = {"site": Text, "hand": Integer, **dict.fromkeys(_SUMS, BigInteger), **_RECENT}
_NEW = (
    func.unnest(*(bindparam(f"{name}s", type_=ARRAY(kind)) for name, kind in _TYPES.items()))
    .table_valued(*_TYPES)
    .render_derived(name="new")
)
_COUNT = upsert(audit_hand).from_select(list(_TYPES), select(*(_NEW.c[name] for name in _TYPES)))
_COUNT = _COUNT.on_conflict_do_update(
    index_elements=[audit_hand.c.site, audit_hand.c.hand],
    set_={
        **{name: audit_hand.c[name] + _COUNT.excluded[name] for name in _SUMS},
        **{name: audit_hand.c[name] * FADING + _COUNT.excluded[name] for name in _RECENT},
    },
)


async def count(connection: AsyncConnection, readings: Sequence[tuple[Hand, Examined]]) -> None:
    """Count what hands have read: one copy each, for a hand begins none before the last is noted."""
    rows = [_counted(hand, one) for hand, one in readings]
    await connection.execute(_COUNT, {f"{name}s": [row[name] for row in rows] for name in _TYPES})


def _counted(hand: Hand, one: Examined) -> dict[str, Any]:
    size = one.found.size if one.found else 0
    return {
        "site": hand.site,
        "hand": hand.number,
        "copies": int(one.verdict is not Verdict.UNKNOWN),
        "bytes": size,
        "lost": int(one.verdict.is_loss),
        "overlaid": int(bool(one.overlaid)),
        "unknown": int(one.verdict is Verdict.UNKNOWN),
        "recent_bytes": size,
        "recent_seconds": one.seconds,
    }


_COUNTS = select(audit_hand.c.site, *(func.sum(audit_hand.c[name]).label(name) for name in _SUMS)).group_by(
    audit_hand.c.site
)


async def counts(connection: AsyncConnection) -> dict[str, dict[str, int]]:
    """Return what was read of each site since there are audits."""
    rows = (await connection.execute(_COUNTS)).mappings()
    return {row["site"]: {name: int(row[name]) for name in _SUMS} for row in rows}


_SPEEDS = (
    select(audit_hand.c.site, func.sum(audit_hand.c.recent_bytes / audit_hand.c.recent_seconds, type_=Float))
    .where(audit_hand.c.recent_seconds > 0, audit_hand.c.hand < bindparam("hands", type_=Integer))
    .group_by(audit_hand.c.site)
)


async def speeds(connection: AsyncConnection, hands: int) -> dict[str, float]:
    """Return how many bytes a second all hands of a site read together while they read."""
    rows = await connection.execute(_SPEEDS, {"hands": hands})
    return {site: float(speed) for site, speed in rows}


_AGES = text(
    """
    SELECT copy.site, min(copy.verified_at) AS oldest, count(*) AS copies, sum(holding.size)::bigint AS bytes,
           count(*) FILTER (WHERE copy.verified_at < :due_before) AS due,
           count(*) FILTER (WHERE copy.verified_at < :late_before) AS late
    FROM copy JOIN holding ON holding.id = copy.holding AND holding.version = copy.version
    WHERE copy.state = 'verified' AND holding.state = ANY (:states)
    GROUP BY copy.site, date_trunc('day', copy.verified_at, 'UTC')
    ORDER BY copy.site, oldest
    """
).bindparams(
    bindparam("states", type_=ARRAY(Text)),
    bindparam("due_before", type_=DateTime(timezone=True)),
    bindparam("late_before", type_=DateTime(timezone=True)),
)


async def ages(connection: AsyncConnection, due_before: datetime, late_before: datetime) -> dict[str, list[Age]]:
    """Return the copies of each site by the day on which they were last read; the whole copy map is read."""
    values = {"states": list(AUDITED), "due_before": due_before, "late_before": late_before}
    found: dict[str, list[Age]] = {}
    for site, *facts in await connection.execute(_AGES, values):
        found.setdefault(site, []).append(Age(*facts))
    return found
