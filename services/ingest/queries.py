"""Every question ingest asks its database, and every line it writes there. Callers own the transaction."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Row,
    Text,
    any_,
    bindparam,
    cast,
    extract,
    func,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.domain.transfer import TransferState, check_step
from services.ingest.tables import agreement, transfer
from shared.clock import now, rfc3339
from shared.messages.admin import AgreementV1


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer as the database holds it, but for what only its building needs (see `recipe`)."""

    id: UUID
    establishment: UUID
    agreement: UUID
    agreement_version: int
    depositor: str
    state: TransferState
    received_at: datetime
    changed_at: datetime
    filename: str | None
    staging_key: str
    size: int
    sha512: str
    header: dict[str, Any] | None
    message_identifier: str | None
    transferring_agency: str | None
    findings: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    aip_id: UUID | None
    counts: dict[str, int] | None
    built: dict[str, Any] | None
    reason: str | None
    granted_at: datetime | None
    reply_key: str | None
    dry_run: bool = False
    decide_by: datetime | None = None
    profile: dict[str, Any] | None = None
    purged_by: UUID | None = None
    forgotten_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A transfer, locked or under our lease, to be taken to its next state; `values` are columns set with it."""

    current: Transfer
    following: TransferState
    values: Mapping[str, Any] = field(default_factory=dict)


_SHOWN = [transfer.c[name] for name in Transfer.__dataclass_fields__]

# Built once: these run several times for each transfer.
_WANTED = transfer.c.id == any_(bindparam("wanted", type_=ARRAY(UUID_TYPE)))
_BY_IDS = select(*_SHOWN).where(_WANTED)
# In one order, so that two transactions that lock the same ones never wait for each other.
_BY_IDS_LOCKED = _BY_IDS.order_by(transfer.c.id).with_for_update()
_ADD = upsert(transfer).on_conflict_do_nothing().returning(*_SHOWN)
_CHANGE = update(transfer).where(transfer.c.id == bindparam("wanted"))
_STEP = (
    update(transfer)
    .where(_WANTED, transfer.c.state == bindparam("origin"))
    .values(
        state=bindparam("following"),
        steps=transfer.c.steps.concat(bindparam("step", type_=JSONB)),
        changed_at=bindparam("at"),
    )
    .returning(*_SHOWN)
)


def transfer_of(row: Row[Any]) -> Transfer:
    """Return the transfer of a row that has all its columns."""
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)
    return Transfer(**values | {"state": TransferState(values["state"])})


async def add_transfers(connection: AsyncConnection, arrivals: Sequence[Mapping[str, Any]]) -> dict[UUID, Transfer]:
    """Add transfers and return them by id; left out are those whose bytes their establishment deposited before."""
    first = {"state": TransferState.RECEIVED, "steps": [_step(TransferState.RECEIVED)]}
    rows = await connection.execute(_ADD, [{**first, **values} for values in arrivals])
    return {row.id: transfer_of(row) for row in rows}


async def transfer_of_bytes(connection: AsyncConnection, establishment: UUID, sha512: str) -> Transfer | None:
    """Return the transfer of these bytes that is pending, or accepted and still kept."""
    query = select(*_SHOWN).where(transfer.c.establishment == establishment, transfer.c.sha512 == sha512, STANDING)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else transfer_of(row)


STANDING = literal_column("state <> 'rejected' AND NOT dry_run AND purged_by IS NULL", Boolean)
"""Holds for what another deposit may not repeat: the words of the indexes ``uq_transfer_standing_…``."""

MessageName = tuple[UUID, str, str]
"""What a message is known by: establishment, transferring agency, message identifier."""


async def transfers_of_messages(
    connection: AsyncConnection, names: Collection[MessageName]
) -> dict[MessageName, UUID]:
    """Return the transfers, pending, or accepted and still kept, that bear these names."""
    if not names:
        return {}
    columns = (transfer.c.establishment, transfer.c.transferring_agency, transfer.c.message_identifier)
    query = select(*columns, transfer.c.id).where(tuple_(*columns).in_(list(names)), STANDING)
    return {(row[0], row[1], row[2]): row.id for row in await connection.execute(query)}


async def lock_transfers(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Transfer]:
    """Return transfers by id, locked until the transaction ends; those that do not exist are left out."""
    rows = await connection.execute(_BY_IDS_LOCKED, {"wanted": list(ids)})
    return {row.id: transfer_of(row) for row in rows}


async def list_transfers(
    connection: AsyncConnection,
    *,
    establishments: Iterable[UUID] | None,
    state: str | None,
    before: UUID | None,
    limit: int,
) -> list[Transfer]:
    """Return transfers of some establishments (None: all), newest first, from before an id.

    Dry runs are among them where those that are judged are asked for, and nowhere else.
    """
    query = select(*_SHOWN).order_by(transfer.c.id.desc()).limit(limit)
    if establishments is not None:
        query = query.where(transfer.c.establishment.in_(list(establishments)))
    query = query.where(~transfer.c.dry_run) if state is None else query.where(transfer.c.state == state)
    if before is not None:
        query = query.where(transfer.c.id < before)
    return [transfer_of(row) for row in await connection.execute(query)]


async def find_transfers(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Transfer]:
    """Return transfers by id, as they are; those that do not exist are left out."""
    return {row.id: transfer_of(row) for row in await connection.execute(_BY_IDS, {"wanted": list(ids)})}


async def step(
    connection: AsyncConnection, ids: Iterable[UUID], origin: TransferState, following: TransferState
) -> dict[UUID, Transfer]:
    """Take those of these transfers that stand at `origin` to the state after it, and return them by id."""
    check_step(origin, following)
    values = {"wanted": list(ids), "origin": origin, "following": following, "step": [_step(following)], "at": now()}
    return {row.id: transfer_of(row) for row in await connection.execute(_STEP, values)}


async def move(connection: AsyncConnection, moves: Sequence[Move]) -> list[Transfer]:
    """Take transfers to their next states and return them as they are then. Raises `IllegalStep`."""
    at = now()
    # One statement for all that set the same columns.
    alike: dict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
    moved = []
    for one in moves:
        check_step(one.current.state, one.following)
        steps = [*one.current.steps, _step(one.following)]
        change = {"state": one.following, "steps": steps, "changed_at": at, **one.values}
        alike[frozenset(change)].append({"wanted": one.current.id, **change})
        shown = {name: value for name, value in change.items() if name in Transfer.__dataclass_fields__}
        moved.append(replace(one.current, **shown))
    for changes in alike.values():
        await connection.execute(_CHANGE, changes)
    return moved


async def recipe(connection: AsyncConnection, transfer_id: UUID) -> tuple[dict[str, Any], bytes] | None:
    """Return the committed plan and packed inventory of a transfer that is to be stored; None without them."""
    query = select(transfer.c.plan, transfer.c.inventory).where(transfer.c.id == transfer_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None or row.plan is None or row.inventory is None else (row.plan, row.inventory)


async def record_header(connection: AsyncConnection, transfer_id: UUID, header: Mapping[str, Any]) -> None:
    """Note the header of a transfer that is being checked, without moving it."""
    await connection.execute(_CHANGE, [{"wanted": transfer_id, "header": header}])


async def record_built(connection: AsyncConnection, built: Mapping[UUID, Mapping[str, Any] | None]) -> None:
    """Note of transfers, without moving them, what was built (None: nothing that counts)."""
    await connection.execute(_CHANGE, [{"wanted": of, "built": what} for of, what in built.items()])


def _step(state: TransferState) -> dict[str, str]:
    return {"state": state, "at": rfc3339(now())}


async def keep_agreement(connection: AsyncConnection, published: AgreementV1) -> None:
    """Keep the newest version of an agreement; an older one that comes late changes nothing."""
    row = {
        "id": published.id,
        "identifier": published.identifier,
        "version": published.version,
        "body": published.model_dump(mode="json"),
    }
    insertion = upsert(agreement).values(row)
    await connection.execute(
        insertion.on_conflict_do_update(
            index_elements=[agreement.c.id],
            set_={name: insertion.excluded[name] for name in ("identifier", "version", "body")},
            where=agreement.c.version < insertion.excluded.version,
        )
    )


_AGREEMENTS = select(agreement.c.id, agreement.c.identifier, agreement.c.body).where(
    (agreement.c.identifier == any_(bindparam("names", type_=ARRAY(Text))))
    | (agreement.c.id == any_(bindparam("ids", type_=ARRAY(UUID_TYPE))))
)


async def find_agreements(connection: AsyncConnection, wanted: Sequence[str]) -> list[AgreementV1 | None]:
    """Return agreements as last published, each by its id or its identifier; None for one we do not know."""
    ids = [found for name in wanted if (found := _uuid(name)) is not None]
    rows = (await connection.execute(_AGREEMENTS, {"names": list(wanted), "ids": ids})).all()
    # An id goes before an identifier that is spelt like one.
    bodies: dict[object, Any] = {row.identifier: row.body for row in rows} | {row.id: row.body for row in rows}
    known = [bodies.get(_uuid(name)) or bodies.get(name) for name in wanted]
    return [None if body is None else AgreementV1.model_validate(body) for body in known]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# The words of the index `ix_transfer_unfinished`: only what is said alike can be answered from it.
IS_PENDING = literal_column("state NOT IN ('accepted', 'rejected', 'judged')", Boolean)
PENDING = (
    select(transfer.c.state, func.count(), extract("epoch", func.now() - func.min(transfer.c.received_at)))
    .where(IS_PENDING)
    .group_by(transfer.c.state)
)
# Identifiers sort by time of birth.
_LAST_RECEIVED = select(transfer.c.received_at).order_by(transfer.c.id.desc()).limit(1)


async def pending(connection: AsyncConnection) -> list[tuple[str, int, Decimal]]:
    """Return how many transfers are in each state that is not final, and the age of the oldest, in s."""
    return [tuple(row) for row in await connection.execute(PENDING)]


_PENDING_BYTES = select(
    func.coalesce(func.sum(transfer.c.size), 0),
    func.coalesce(func.sum(transfer.c.size).filter(transfer.c.built.is_(None)), 0),
    func.coalesce(func.sum(cast(transfer.c.built["size"].astext, BigInteger)), 0),
).where(IS_PENDING)


async def pending_bytes(connection: AsyncConnection) -> tuple[int, int, int]:
    """Return the bytes of SIPs on their way, of those of them with no AIP yet, and of the AIPs of the others."""
    sips, unbuilt, aips = (await connection.execute(_PENDING_BYTES)).one()
    return int(sips), int(unbuilt), int(aips)


async def last_received(connection: AsyncConnection) -> datetime | None:
    """Return when the last transfer was received."""
    return await connection.scalar(_LAST_RECEIVED)
