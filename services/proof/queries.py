"""Every question proof asks its database. Callers own the transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Row, Select, Text, any_, bindparam, func, select, text
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.domain.line import FixedLine, Head, Origin
from services.proof.domain.verification import StoredLine
from services.proof.tables import batch, journal, line, pending_batch, sender
from shared.identity.caller import Scope
from shared.messages.journal import JournalKind, JournalLinesV1
from shared.messages.proof import JournalPositionV1

WRITING = 5_715_001
"""The advisory lock of whoever writes journals (any number will do, in this room's database alone)."""


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal and its head."""

    id: int
    name: str
    kind: str
    establishment: UUID | None
    head: Head
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class SenderState:
    """How far we have come with a sender, and what of it waits for a batch that is not here yet."""

    name: str
    head: Head
    waiting: int
    first_waiting: int | None
    waiting_since: datetime | None


async def lock_writing(connection: AsyncConnection) -> None:
    """Wait until nobody else writes journals, and keep it so until the transaction ends.

    One lock for all chains, taken before anything is read: whatever senders and journals the deliveries of
    a transaction touch, and in whatever order, two transactions cannot wait for each other.
    """
    await connection.execute(select(func.pg_advisory_xact_lock(WRITING)))


_SENDERS = select(
    sender.c.name,
    sender.c.batch,
    sender.c.sha512,
    select(pending_batch).where(pending_batch.c.sender == sender.c.name).exists().label("waits"),
).where(sender.c.name == any_(bindparam("names", type_=ARRAY(Text))))


async def sender_heads(connection: AsyncConnection, names: Sequence[str]) -> dict[str, tuple[Head, bool]]:
    """Return where we are with senders, and whether batches of them wait; a new one has an empty head."""
    rows = await connection.execute(_SENDERS, {"names": list(names)})
    found = {row.name: (Head(row.batch, row.sha512.hex()), bool(row.waits)) for row in rows}
    fresh = [name for name in names if name not in found]
    if fresh:
        empty = Head()
        rows_of_fresh = [{"name": name, "batch": 0, "sha512": bytes.fromhex(empty.sha512)} for name in fresh]
        await connection.execute(insert(sender), rows_of_fresh)
        found |= dict.fromkeys(fresh, (empty, False))
    return found


_OPEN_JOURNALS = text(
    """INSERT INTO journal (name, kind, establishment, sha512)
       SELECT name, kind, establishment, CAST(:genesis AS bytea)
       FROM unnest(CAST(:names AS text[]), CAST(:kinds AS text[]), CAST(:establishments AS uuid[]))
            AS new (name, kind, establishment)
       ON CONFLICT (name) DO NOTHING"""
)


_JOURNALS = select(journal.c.name, journal.c.id, journal.c.number, journal.c.sha512).where(
    journal.c.name == any_(bindparam("names", type_=ARRAY(Text)))
)


async def journal_heads(
    connection: AsyncConnection, wanted: dict[str, tuple[JournalKind, UUID | None]]
) -> dict[str, tuple[int, Head]]:
    """Return id and head of each journal by name, opening those that do not exist yet."""
    found = {row.name: row for row in await connection.execute(_JOURNALS, {"names": list(wanted)})}
    fresh = [name for name in wanted if name not in found]
    if fresh:
        values = {
            "names": fresh,
            "kinds": [wanted[name][0] for name in fresh],
            "establishments": [wanted[name][1] for name in fresh],
            "genesis": bytes.fromhex(Head().sha512),
        }
        await connection.execute(_OPEN_JOURNALS, values)
        found |= {row.name: row for row in await connection.execute(_JOURNALS, {"names": fresh})}
    return {name: (row.id, Head(row.number, row.sha512.hex())) for name, row in found.items()}


_WRITE = text(
    """WITH
    kept_lines AS (
        INSERT INTO line (journal, number, sha512, transfer_id, body)
        SELECT * FROM unnest(CAST(:journals AS integer[]), CAST(:numbers AS bigint[]),
            CAST(:digests AS bytea[]), CAST(:transfers AS uuid[]), CAST(:bodies AS bytea[]))),
    kept_batches AS (
        INSERT INTO batch (sender, number, sha512, kept_at)
        SELECT CAST(:sender AS text), number, sha512, CAST(:kept_at AS timestamptz)
        FROM unnest(CAST(:batches AS bigint[]), CAST(:batch_digests AS bytea[])) AS b (number, sha512)),
    moved_heads AS (
        UPDATE journal SET number = h.number, sha512 = h.sha512, changed_at = CAST(:kept_at AS timestamptz)
        FROM unnest(CAST(:head_journals AS integer[]), CAST(:head_numbers AS bigint[]),
            CAST(:head_digests AS bytea[])) AS h (id, number, sha512)
        WHERE journal.id = h.id)
    UPDATE sender SET batch = CAST(:last AS bigint), sha512 = CAST(:last_digest AS bytea),
        changed_at = CAST(:kept_at AS timestamptz)
    WHERE name = CAST(:sender AS text)"""
)


async def keep(
    connection: AsyncConnection,
    origins: Sequence[Origin],
    lines: Sequence[FixedLine],
    heads: dict[str, tuple[int, Head]],
    kept_at: datetime,
) -> None:
    """Write consecutive batches of one sender, their lines and the heads they lead to: one statement."""
    touched = {fixed.journal: heads[fixed.journal] for fixed in lines}
    values = {
        "journals": [heads[fixed.journal][0] for fixed in lines],
        "numbers": [fixed.number for fixed in lines],
        "digests": [bytes.fromhex(fixed.sha512) for fixed in lines],
        "transfers": [fixed.transfer_id for fixed in lines],
        "bodies": [fixed.body for fixed in lines],
        "batches": [origin.batch for origin in origins],
        "batch_digests": [bytes.fromhex(origin.sha512) for origin in origins],
        "head_journals": [key for key, _ in touched.values()],
        "head_numbers": [head.number for _, head in touched.values()],
        "head_digests": [bytes.fromhex(head.sha512) for _, head in touched.values()],
        "sender": origins[-1].sender,
        "last": origins[-1].batch,
        "last_digest": bytes.fromhex(origins[-1].sha512),
        "kept_at": kept_at,
    }
    await connection.execute(_WRITE, values)


async def batch_sha512(connection: AsyncConnection, name: str, number: int) -> str | None:
    """Return the digest of a batch that was kept."""
    query = select(batch.c.sha512).where(batch.c.sender == name, batch.c.number == number)
    digest = await connection.scalar(query)
    return None if digest is None else digest.hex()


_POSITIONS = (
    select(line.c.transfer_id, journal.c.name, line.c.number, line.c.sha512)
    .join(journal, journal.c.id == line.c.journal)
    .where(line.c.transfer_id == any_(bindparam("transfers", type_=ARRAY(UUID_TYPE))))
    .order_by(journal.c.name, line.c.number)
)


async def positions(
    connection: AsyncConnection, transfers: Sequence[UUID]
) -> dict[UUID, tuple[JournalPositionV1, ...]]:
    """Return where every line of these transfers stands."""
    found: dict[UUID, list[JournalPositionV1]] = {}
    for row in await connection.execute(_POSITIONS, {"transfers": list(transfers)}):
        position = JournalPositionV1(journal=row.name, number=row.number, sha512=row.sha512.hex())
        found.setdefault(row.transfer_id, []).append(position)
    return {transfer: tuple(places) for transfer, places in found.items()}


async def put_aside(connection: AsyncConnection, message: JournalLinesV1) -> str:
    """Keep a batch that came too early; return the digest of the one that waits under its number."""
    row = {
        "sender": message.sender,
        "number": message.batch,
        "sha512": bytes.fromhex(message.sha512),
        "message_id": message.message_id,
        "body": message.model_dump_json().encode(),
    }
    await connection.execute(insert(pending_batch).values(row).on_conflict_do_nothing())
    query = select(pending_batch.c.sha512).where(
        pending_batch.c.sender == message.sender, pending_batch.c.number == message.batch
    )
    digest: bytes = (await connection.execute(query)).scalar_one()
    return digest.hex()


async def next_waiting(connection: AsyncConnection, name: str, after: int, limit: int) -> list[JournalLinesV1]:
    """Return the waiting batches of a sender from the first on, oldest number first, at most `limit`."""
    query = (
        select(pending_batch.c.body)
        .where(pending_batch.c.sender == name, pending_batch.c.number > after)
        .order_by(pending_batch.c.number)
        .limit(limit)
    )
    return [JournalLinesV1.model_validate_json(body) for body in await connection.scalars(query)]


async def stop_waiting(connection: AsyncConnection, name: str, up_to: int) -> None:
    """Forget the waiting batches of a sender up to a number: they are in the journals now."""
    where = (pending_batch.c.sender == name, pending_batch.c.number <= up_to)
    await connection.execute(pending_batch.delete().where(*where))


_STATES = (
    select(
        sender.c.name,
        sender.c.batch,
        sender.c.sha512,
        func.count(pending_batch.c.number).label("waiting"),
        func.min(pending_batch.c.number).label("first_waiting"),
        func.min(pending_batch.c.received_at).label("waiting_since"),
    )
    .join_from(sender, pending_batch, pending_batch.c.sender == sender.c.name, isouter=True)
    .group_by(sender.c.name)
    .order_by(sender.c.name)
)


async def sender_states(connection: AsyncConnection, name: str | None = None) -> list[SenderState]:
    """Return every sender we have heard of, or one."""
    query = _STATES if name is None else _STATES.where(sender.c.name == name)
    return [
        SenderState(row.name, Head(row.batch, row.sha512.hex()), row.waiting, row.first_waiting, row.waiting_since)
        for row in await connection.execute(query)
    ]


async def journals(
    connection: AsyncConnection, scope: Scope, after: str, limit: int, establishment: UUID | None = None
) -> list[Journal]:
    """Return the journals within a scope, by name; those of the platform only for a scope of all."""
    query = _in_scope(select(journal), scope).where(journal.c.name > after).order_by(journal.c.name)
    if establishment is not None:
        query = query.where(journal.c.establishment == establishment)
    return [_journal(row) for row in await connection.execute(query.limit(limit))]


async def find_journal(connection: AsyncConnection, scope: Scope, name: str) -> Journal | None:
    """Return a journal by name, if it exists and lies within the scope."""
    query = _in_scope(select(journal), scope).where(journal.c.name == name)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _journal(row)


def _in_scope(query: Select[tuple[object, ...]], scope: Scope) -> Select[tuple[object, ...]]:
    if scope.establishments is None:
        return query
    return query.where(journal.c.establishment.in_(scope.establishments))


def _journal(row: Row[tuple[object, ...]]) -> Journal:
    head = Head(row.number, row.sha512.hex())
    return Journal(row.id, row.name, row.kind, row.establishment, head, row.changed_at)


async def lines_after(
    connection: AsyncConnection, journal_id: int, after: int, limit: int, transfer: UUID | None = None
) -> list[StoredLine]:
    """Return the lines of a journal after a number, in order; those about one transfer, if asked."""
    query = select(line.c.number, line.c.sha512, line.c.body).where(
        line.c.journal == journal_id, line.c.number > after
    )
    if transfer is not None:
        query = query.where(line.c.transfer_id == transfer)
    rows = await connection.execute(query.order_by(line.c.number).limit(limit))
    return [StoredLine(row.number, row.sha512, row.body) for row in rows]


async def line_sha512(connection: AsyncConnection, journal_id: int, number: int) -> str | None:
    """Return the digest of one line."""
    query = select(line.c.sha512).where(line.c.journal == journal_id, line.c.number == number)
    digest = await connection.scalar(query)
    return None if digest is None else digest.hex()
