"""Audits that somebody asked for: which there are, what each drew, and what came of every copy."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Integer,
    Select,
    Text,
    bindparam,
    collate,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.audits import Due
from services.storage.queries.audits import VERIFIED, due_of
from services.storage.tables import audit_item, audit_part, audit_run, copy, holding
from shared.database.plumbing import work


@dataclass(frozen=True, slots=True)
class Run:
    """An audit that somebody asked for, on one site or several."""

    id: UUID
    kind: str
    establishment: UUID | None
    asked_by: str
    asked_at: datetime
    wanted: Mapping[str, Any]
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Part:
    """What came of a run on one site: counts by outcome."""

    site: str
    counts: Mapping[str, int]
    ended_at: datetime | None


async def add(connection: AsyncConnection, values: Mapping[str, Any], sites: Sequence[str]) -> bool:
    """Add a run with a part for each site; say whether it was not there yet."""
    adding = upsert(audit_run).on_conflict_do_nothing().returning(audit_run.c.id)
    if await connection.scalar(adding, dict(values)) is None:
        return False
    await connection.execute(
        insert(audit_part), [{"run": values["id"], "site": site, "counts": {}} for site in sites]
    )
    return True


async def find(connection: AsyncConnection, run: UUID) -> Run | None:
    """Return a run."""
    row = (await connection.execute(select(audit_run).where(audit_run.c.id == run))).one_or_none()
    return None if row is None else Run(**row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)


async def parts(connection: AsyncConnection, run: UUID) -> list[Part]:
    """Return the parts of a run, by site."""
    query = select(audit_part.c.site, audit_part.c.counts, audit_part.c.ended_at).where(audit_part.c.run == run)
    return [Part(*row) for row in await connection.execute(query.order_by(audit_part.c.site))]


async def page(
    connection: AsyncConnection, within: Collection[UUID] | None, behind: UUID | None, limit: int
) -> list[tuple[Run, list[Part]]]:
    """Return runs with their parts, the newest first, from behind one on; of some establishments or of all."""
    order = (audit_run.c.asked_at, audit_run.c.id)
    query = select(audit_run).order_by(*(column.desc() for column in order)).limit(limit)
    if within is not None:
        query = query.where(audit_run.c.establishment.in_(within))
    if behind is not None:
        query = query.where(tuple_(*order) < select(*order).where(audit_run.c.id == behind).scalar_subquery())
    found = [Run(**row) for row in (await connection.execute(query)).mappings()]
    parts_of: dict[UUID, list[Part]] = {run.id: [] for run in found}
    of_these = select(audit_part).where(audit_part.c.run.in_(parts_of)).order_by(audit_part.c.site)
    for row in await connection.execute(of_these):
        parts_of[row.run].append(Part(row.site, row.counts, row.ended_at))
    return [(run, parts_of[run.id]) for run in found]


SAMPLING = 5715011
"""The advisory lock of whoever asks for a sample and may have one at a time."""


async def is_sampled(connection: AsyncConnection, establishment: UUID) -> bool:
    """Say whether a sample of an establishment is under way; until the transaction ends nobody else asks."""
    await connection.execute(select(func.pg_advisory_xact_lock(SAMPLING)))
    under_way = exists().where(
        audit_run.c.kind == "sample", audit_run.c.establishment == establishment, audit_run.c.ended_at.is_(None)
    )
    return bool(await connection.scalar(select(under_way)))


_LAST_COMPARED = (
    select(audit_part.c.site, audit_part.c.counts)
    .ext(distinct_on(audit_part.c.site))
    .join_from(audit_part, audit_run, audit_part.c.run == audit_run.c.id)
    .where(audit_run.c.kind == "coherence", audit_part.c.ended_at.is_not(None))
    .order_by(audit_part.c.site, audit_part.c.ended_at.desc())
)


async def last_compared(connection: AsyncConnection, sites: Collection[str]) -> dict[str, Mapping[str, int]]:
    """Return what the last comparison that ended found on each of these sites; nothing of one never compared."""
    rows = await connection.execute(_LAST_COMPARED.where(audit_part.c.site.in_(sites)))
    return {row.site: row.counts for row in rows}


_LOSING = (
    select(work.c.payload["losing"].astext)
    .distinct()
    .where(work.c.kind.in_(("audit", "sample", "coherence")), work.c.payload.has_key("losing"))
)


async def losing(connection: AsyncConnection) -> set[str]:
    """Return the sites of which so much was lost that whoever reads them has slowed down."""
    return set(await connection.scalars(_LOSING))


async def named(connection: AsyncConnection, run: UUID, most: int) -> list[tuple[str, str, str]]:
    """Return site, key and outcome of what was not found whole, by site and key."""
    query = (
        select(audit_item.c.site, audit_item.c.key, audit_item.c.outcome)
        .where(audit_item.c.run == run, audit_item.c.outcome != "whole")
        .order_by(audit_item.c.site, audit_item.c.key)
        .limit(most)
    )
    return [(row.site, row.key, row.outcome) for row in await connection.execute(query)]


def _drawable(establishment: UUID | None, kind: str | None, site: str) -> Select[Any]:
    chosen = VERIFIED.where(copy.c.site == site)
    if establishment is not None:
        chosen = chosen.where(holding.c.establishment == establishment)
    return chosen if kind is None else chosen.where(holding.c.kind == kind)


async def drawable(
    connection: AsyncConnection, site: str, establishment: UUID | None, kind: str | None, most: int
) -> int:
    """Count the copies of a site that a sample may draw, up to so many."""
    some = _drawable(establishment, kind, site).with_only_columns(copy.c.holding).limit(most).subquery()
    return int(await connection.scalar(select(func.count()).select_from(some)) or 0)


async def draw(connection: AsyncConnection, run: Run, site: str) -> int:
    """Draw a sample of a site's verified copies by lot; return how many."""
    wanted = run.wanted
    chosen = _drawable(run.establishment, wanted.get("kind"), site)
    most = wanted.get("count")
    if most is None:
        there = await connection.scalar(chosen.with_only_columns(func.count()))
        most = -int(-(there or 0) * wanted["share"] // 1)
    lot = chosen.with_only_columns(
        literal(run.id, UUID_TYPE), copy.c.site, holding.c.key, copy.c.holding, copy.c.version
    ).order_by(func.random())
    drawing = insert(audit_item).from_select(["run", "site", "key", "holding", "version"], lot.limit(most))
    return (await connection.execute(drawing)).rowcount


_PENDING = (audit_item.c.run == bindparam("of_run")) & (audit_item.c.site == bindparam("on_site"))
_NEXT = (
    VERIFIED.join(
        audit_item,
        (audit_item.c.holding == copy.c.holding)
        & (audit_item.c.version == copy.c.version)
        & (audit_item.c.site == copy.c.site),
    )
    .where(_PENDING, audit_item.c.outcome.is_(None))
    .limit(bindparam("most", type_=Integer))
)


async def following(connection: AsyncConnection, run: UUID, site: str, most: int) -> list[Due]:
    """Return copies of a sample that were not read yet, and still may be."""
    values = {"of_run": run, "on_site": site, "most": most}
    return [due_of(row) for row in await connection.execute(_NEXT, values)]


async def set_outcome(connection: AsyncConnection, run: UUID, due: Due, outcome: str) -> None:
    """Note what came of one copy of a sample."""
    change = update(audit_item).where(
        audit_item.c.run == run, audit_item.c.site == due.site, audit_item.c.key == due.key
    )
    await connection.execute(change.values(outcome=outcome))


async def give_up(connection: AsyncConnection, run: UUID, site: str) -> None:
    """Note what was not read of a sample as unknown."""
    change = update(audit_item).where(
        audit_item.c.run == run, audit_item.c.site == site, audit_item.c.outcome.is_(None)
    )
    await connection.execute(change.values(outcome="unknown"))


async def outcomes(connection: AsyncConnection, run: UUID, site: str) -> dict[str, int]:
    """Count the copies of a sample by what came of them; those still to be read are `waiting`."""
    outcome = func.coalesce(audit_item.c.outcome, "waiting")
    query = select(outcome, func.count()).where(audit_item.c.run == run, audit_item.c.site == site).group_by(outcome)
    return {row[0]: row[1] for row in await connection.execute(query)}


async def add_items(connection: AsyncConnection, run: UUID, site: str, keys: Sequence[str], outcome: str) -> None:
    """Name keys of a site."""
    if keys:
        rows = [{"run": run, "site": site, "key": key, "outcome": outcome} for key in keys]
        await connection.execute(upsert(audit_item).on_conflict_do_nothing(), rows)


async def count_part(connection: AsyncConnection, run: UUID, site: str, counts: Mapping[str, int]) -> None:
    """Note how far a part is."""
    change = update(audit_part).where(audit_part.c.run == run, audit_part.c.site == site)
    await connection.execute(change.values(counts=dict(counts)))


async def end_part(connection: AsyncConnection, run: UUID, site: str) -> bool:
    """End a part, and the run with its last one, which is told; what was whole is no longer listed."""
    # Locked first: of two parts that end at once exactly one finds itself the last.
    await connection.execute(select(audit_run.c.id).where(audit_run.c.id == run).with_for_update())
    change = update(audit_part).where(audit_part.c.run == run, audit_part.c.site == site)
    await connection.execute(change.values(ended_at=func.now()))
    whole = (audit_item.c.run == run) & (audit_item.c.site == site) & (audit_item.c.outcome == "whole")
    await connection.execute(delete(audit_item).where(whole))
    open_part = exists().where(audit_part.c.run == run, audit_part.c.ended_at.is_(None))
    ending = update(audit_run).where(audit_run.c.id == run, audit_run.c.ended_at.is_(None), ~open_part)
    return (await connection.execute(ending.values(ended_at=func.now()))).rowcount == 1


# As sites list them: by their bytes.
_key = collate(holding.c.key, "C")
_NAMED = (
    select(holding.c.key)
    .join_from(holding, copy, (copy.c.holding == holding.c.id) & (copy.c.version == holding.c.version))
    .where(
        _key.in_(select(func.unnest(bindparam("keys", type_=ARRAY(Text))))),
        copy.c.site == bindparam("on_site"),
        copy.c.state != "purged",
        holding.c.state.not_in(("refused", "purged")),
    )
)


async def named_keys(connection: AsyncConnection, site: str, keys: Sequence[str]) -> set[str]:
    """Return which of these keys a holding names that has, or is to have, a copy on the site."""
    return set(await connection.scalars(_NAMED, {"keys": list(keys), "on_site": site}))


_BEHIND = VERIFIED.where(copy.c.site == bindparam("on_site"), _key > bindparam("after", type_=Text)).order_by(_key)
_BETWEEN = _BEHIND.where(_key <= bindparam("upto", type_=Text))


async def between(connection: AsyncConnection, site: str, after: str, upto: str | None, most: int) -> list[Due]:
    """Return verified copies of a site by key, from behind one key up to another, or to the end."""
    values = {"on_site": site, "after": after, **({} if upto is None else {"upto": upto})}
    query = (_BEHIND if upto is None else _BETWEEN).limit(most)
    return [due_of(row) for row in await connection.execute(query, values)]


async def forget(connection: AsyncConnection, kept: timedelta) -> int:
    """Remove runs that ended longer ago than that, with all they named; return how many."""
    old = delete(audit_run).where(audit_run.c.ended_at < func.now() - kept)
    return (await connection.execute(old)).rowcount
