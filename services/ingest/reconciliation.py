"""Whether every transfer received in a period is accepted, rejected, or named as pending with its reason.

What was received is counted by itself, and never as the sum of the others: that they meet is found, not made.
Dry runs are no deposits, and are not counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Row,
    Select,
    String,
    Subquery,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
    values,
)
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.domain.transfer import TransferState
from services.ingest.domain.waiting import Wait, Work, waits_for
from services.ingest.handlers import PROCESS
from services.ingest.queries import IS_PENDING
from services.ingest.tables import transfer
from shared.database.plumbing import dead_letter, work
from shared.messages.data_management import AipCataloguedV1
from shared.messages.ingest import SipReceivedV1
from shared.messages.proof import DepositRecordedV1
from shared.messages.storage import AipStorageRefusedV1, AipStoredV1
from shared.messaging.watchdog import NOT_ABANDONED


@dataclass(frozen=True, slots=True)
class Asked:
    """Transfers received from `start` on and before `end`, of some establishments (None: all)."""

    establishments: frozenset[UUID] | None
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """How many transfers were received, and how many of them are now what; as of `at`."""

    at: datetime
    received: int
    accepted: int
    rejected: int
    pending: int

    @property
    def is_balanced(self) -> bool:
        """Say whether each is accounted for, once."""
        return self.received == self.accepted + self.rejected + self.pending


@dataclass(frozen=True, slots=True)
class Pending:
    """A transfer that is neither accepted nor rejected, what it waits for, and since when."""

    id: UUID
    establishment: UUID
    message_identifier: str | None
    state: TransferState
    received_at: datetime
    wait: Wait
    since: datetime


def _received(asked: Asked) -> tuple[ColumnElement[bool], ...]:
    return (transfer.c.received_at >= asked.start, transfer.c.received_at < asked.end, ~transfer.c.dry_run)


async def count(connection: AsyncConnection, asked: Asked) -> Counts:
    """Count what was received, and what of it is accepted, rejected, pending."""
    row = (await connection.execute(counting(asked))).one()
    return Counts(row[0], *map(int, row[1:]))


def counting(asked: Asked) -> Select[Any]:
    """Return the statement that counts: the moment it is answered, and four sums."""
    one = _everyone() if asked.establishments is None else _these(asked.establishments)
    state = transfer.c.state
    counted = (
        select(
            func.count().label("received"),
            func.count().filter(state == TransferState.ACCEPTED).label("accepted"),
            func.count().filter(state == TransferState.REJECTED).label("rejected"),
            func.count().filter(IS_PENDING).label("pending"),
        )
        .where(transfer.c.establishment == one.c.establishment, *_received(asked))
        .lateral("counted")
    )
    sums = (func.coalesce(func.sum(each), 0) for each in counted.c)
    return select(func.now(), *sums).select_from(one.join(counted, true()))


def _these(establishments: Iterable[UUID]) -> Subquery:
    wanted = bindparam("establishments", sorted(establishments), type_=ARRAY(UUID_TYPE))
    return select(func.unnest(wanted).label("establishment")).subquery("one")


def _everyone() -> CTE:
    """Return every establishment that has deposited, by one step through the index each.

    One range of the index is then read for each of them: by the period alone all of it would be, however long ago.
    """
    first = _following(~transfer.c.dry_run)
    one = select(first.label("establishment")).cte("one", recursive=True)
    after = _following(~transfer.c.dry_run, transfer.c.establishment > one.c.establishment)
    return one.union_all(select(after).where(one.c.establishment.is_not(None)))


def _following(*conditions: ColumnElement[bool]) -> ColumnElement[UUID]:
    query = select(transfer.c.establishment).where(*conditions).order_by(transfer.c.establishment)
    # A number, and no parameter: a plan made for any number would read them all.
    return query.limit(literal_column("1")).scalar_subquery()


_S = TransferState
_AWAITED: Final = (
    (SipReceivedV1.topic, _S.RECEIVED),
    (AipStoredV1.topic, _S.STORING),
    (AipStorageRefusedV1.topic, _S.STORING),
    (AipCataloguedV1.topic, _S.STORING),
    (AipCataloguedV1.topic, _S.CATALOGUING),
    (DepositRecordedV1.topic, _S.RECORDING),
)
"""In which state of a transfer what news takes it on."""


def _letters() -> CTE:
    """Return which transfers lack, in which state, the news that a dead letter holds, and since when."""
    awaited = values(column("topic", String), column("state", String), name="awaited").data(list(_AWAITED))
    # A letter is bytes, and may be anything: what is no message of ours names no transfer.
    named = func.substring(func.encode(dead_letter.c.body, "escape"), '"transfer_id":"([0-9a-f-]{36})"')
    return (
        select(named.label("transfer"), awaited.c.state, func.max(dead_letter.c.died_at).label("died_at"))
        .join_from(dead_letter, awaited, dead_letter.c.topic == awaited.c.topic)
        .group_by(named, awaited.c.state)
        .cte("letter")
    )


_NEEDED = (
    transfer.c.id,
    transfer.c.establishment,
    # Told with the verdict; the header may be read long before.
    func.coalesce(transfer.c.message_identifier, transfer.c.header["message_identifier"].astext).label("message"),
    transfer.c.state,
    transfer.c.received_at,
    transfer.c.changed_at,
    transfer.c.built.is_not(None).label("is_built"),
)


async def pending(connection: AsyncConnection, asked: Asked, after: UUID | None, limit: int) -> list[Pending]:
    """Return the pending transfers that were received in a period, oldest first, from after an id."""
    return [_pending(row) for row in await connection.execute(naming(asked, after, limit))]


def naming(asked: Asked, after: UUID | None, limit: int) -> Select[Any]:
    """Return the statement that names what is pending, with all that is known of it."""
    query = select(*_NEEDED).where(IS_PENDING, *_received(asked))
    if asked.establishments is not None:
        query = query.where(transfer.c.establishment.in_(sorted(asked.establishments)))
    # By the index of what is pending, and then sorted: in the order of the primary key all the rest is walked past.
    found = query.cte("found").prefix_with("MATERIALIZED")
    letter, key = _letters(), cast(found.c.id, Text)
    shown = [
        *found.c,
        letter.c.died_at,
        work.c.id.label("work"),
        (work.c.leased_until > func.now()).label("is_held"),
        (~NOT_ABANDONED).label("is_set_aside"),
        work.c.last_error,
    ]
    page = (
        select(*shown)
        .join_from(found, work, (work.c.kind == PROCESS) & (work.c.key == key), isouter=True)
        .join(letter, (letter.c.transfer == key) & (letter.c.state == found.c.state), isouter=True)
        .order_by(found.c.id)
        .limit(limit)
    )
    return page if after is None else page.where(found.c.id > after)


def _pending(row: Row[Any]) -> Pending:
    state = TransferState(row.state)
    held = None if row.work is None else Work(bool(row.is_held), row.is_set_aside, row.last_error)
    wait = waits_for(state, is_built=row.is_built, work=held, has_dead_letter=row.died_at is not None)
    since = row.died_at or row.changed_at
    return Pending(row.id, row.establishment, row.message, state, row.received_at, wait, since)
