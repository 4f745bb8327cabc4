"""Every question about anchors, and every change of them. Callers own the transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.domain.line import Head
from services.proof.domain.proofs import Named
from services.proof.tables import anchor, anchored_journal, anchored_sender, filed, journal, sender


@dataclass(frozen=True, slots=True)
class Anchor:
    """An anchor as it is known here; `body` is None once every site has it."""

    number: int
    at: datetime
    sha512: str
    body: str | None

    @property
    def named(self) -> Named:
        """Return how other proofs name it."""
        return Named(self.number, self.sha512)


async def newest(connection: AsyncConnection) -> Anchor | None:
    """Return the last anchor that was made."""
    row = (await connection.execute(select(anchor).order_by(anchor.c.number.desc()).limit(1))).one_or_none()
    return None if row is None else Anchor(row.number, row.at, row.sha512.hex(), row.body)


_UNFILED = (
    select(anchor.c.number)
    .join_from(anchor, filed, (filed.c.kind == "anchor") & (filed.c.number == anchor.c.number), isouter=True)
    # What has left has no body any more: a short index instead of all anchors there ever were.
    .where(anchor.c.body.is_not(None), filed.c.number.is_(None))
    .order_by(anchor.c.number)
)


async def unfiled(connection: AsyncConnection) -> list[int]:
    """Return the anchors that were made and have not left, oldest first."""
    return list(await connection.scalars(_UNFILED))


async def body_of(connection: AsyncConnection, number: int) -> str | None:
    """Return the file of an anchor, where it is still here."""
    return await connection.scalar(select(anchor.c.body).where(anchor.c.number == number))


_MOVED_JOURNALS = (
    select(journal.c.id, journal.c.name, journal.c.number, journal.c.sha512)
    .join_from(journal, anchored_journal, anchored_journal.c.journal == journal.c.id, isouter=True)
    .where(journal.c.number > 0, journal.c.number.is_distinct_from(anchored_journal.c.number))
)
_MOVED_SENDERS = (
    select(sender.c.name, sender.c.batch, sender.c.sha512)
    .join_from(sender, anchored_sender, anchored_sender.c.sender == sender.c.name, isouter=True)
    .where(sender.c.batch > 0, sender.c.batch.is_distinct_from(anchored_sender.c.batch))
)


async def moved_journals(connection: AsyncConnection) -> dict[str, tuple[int, Head]]:
    """Return id and head of each journal that stands elsewhere than the last anchor that named it."""
    rows = await connection.execute(_MOVED_JOURNALS)
    return {row.name: (row.id, Head(row.number, row.sha512.hex())) for row in rows}


async def moved_senders(connection: AsyncConnection) -> dict[str, Head]:
    """Return the head of each sender that stands elsewhere than the last anchor that named it."""
    return {row.name: Head(row.batch, row.sha512.hex()) for row in await connection.execute(_MOVED_SENDERS)}


_NOTE_JOURNALS = text(
    """INSERT INTO anchored_journal (journal, number)
       SELECT * FROM unnest(CAST(:journals AS integer[]), CAST(:numbers AS bigint[]))
       ON CONFLICT (journal) DO UPDATE SET number = excluded.number"""
)
_NOTE_SENDERS = text(
    """INSERT INTO anchored_sender (sender, batch)
       SELECT * FROM unnest(CAST(:senders AS text[]), CAST(:batches AS bigint[]))
       ON CONFLICT (sender) DO UPDATE SET batch = excluded.batch"""
)


async def keep(
    connection: AsyncConnection,
    made: Anchor,
    heads: Mapping[str, tuple[int, Head]],
    senders: Mapping[str, Head],
) -> bool:
    """Keep an anchor and what it names; False where another of this number was kept first."""
    row = {"number": made.number, "at": made.at, "sha512": bytes.fromhex(made.sha512), "body": made.body}
    query = insert(anchor).values(row).on_conflict_do_nothing().returning(anchor.c.number)
    if (await connection.execute(query)).one_or_none() is None:
        return False
    journals = {
        "journals": [key for key, _ in heads.values()],
        "numbers": [head.number for _, head in heads.values()],
    }
    await connection.execute(_NOTE_JOURNALS, journals)
    batches = {"senders": list(senders), "batches": [head.number for head in senders.values()]}
    await connection.execute(_NOTE_SENDERS, batches)
    return True
