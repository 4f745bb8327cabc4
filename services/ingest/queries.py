"""Every question ingest asks its database, and every line it writes there. Callers own the transaction."""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.domain.transfer import IllegalStep, TransferState, check_step
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


_SHOWN = [transfer.c[name] for name in Transfer.__dataclass_fields__]

# Built once: these run several times for each transfer.
_BY_ID = select(*_SHOWN).where(transfer.c.id == bindparam("wanted"))
_BY_ID_LOCKED = _BY_ID.with_for_update()
_MOVE = (
    update(transfer)
    .where(transfer.c.id == bindparam("wanted"), transfer.c.state == bindparam("current"))
    .returning(*_SHOWN)
)


def _transfer(row: Row[Any]) -> Transfer:
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)
    return Transfer(**values | {"state": TransferState(values["state"])})


async def add_transfer(connection: AsyncConnection, values: Mapping[str, Any]) -> Transfer | None:
    """Add a transfer and return it; None if the same bytes of the same establishment are pending or accepted."""
    first = {"state": TransferState.RECEIVED, "steps": [_step(TransferState.RECEIVED)]}
    row = upsert(transfer).values({**first, **values}).on_conflict_do_nothing()
    added = (await connection.execute(row.returning(*_SHOWN))).one_or_none()
    return None if added is None else _transfer(added)


async def transfer_of_bytes(connection: AsyncConnection, establishment: UUID, sha512: str) -> Transfer | None:
    """Return the pending or accepted transfer of these bytes."""
    query = select(*_SHOWN).where(
        transfer.c.establishment == establishment,
        transfer.c.sha512 == sha512,
        transfer.c.state != TransferState.REJECTED,
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _transfer(row)


async def transfer_of_message(
    connection: AsyncConnection, besides: Transfer, agency: str, message_identifier: str
) -> UUID | None:
    """Return another transfer of an establishment, pending or accepted, that bears an agency's message identifier."""
    query = select(transfer.c.id).where(
        transfer.c.establishment == besides.establishment,
        transfer.c.transferring_agency == agency,
        transfer.c.message_identifier == message_identifier,
        transfer.c.state != TransferState.REJECTED,
        transfer.c.id != besides.id,
    )
    found: UUID | None = await connection.scalar(query)
    return found


async def get_transfer(connection: AsyncConnection, transfer_id: UUID, *, lock: bool = False) -> Transfer | None:
    """Return a transfer, locked until the transaction ends if asked."""
    row = (await connection.execute(_BY_ID_LOCKED if lock else _BY_ID, {"wanted": transfer_id})).one_or_none()
    return None if row is None else _transfer(row)


async def list_transfers(
    connection: AsyncConnection,
    *,
    establishments: Iterable[UUID] | None,
    state: str | None,
    before: UUID | None,
    limit: int,
) -> list[Transfer]:
    """Return transfers of some establishments (None: all), newest first, from before an id."""
    query = select(*_SHOWN).order_by(transfer.c.id.desc()).limit(limit)
    if establishments is not None:
        query = query.where(transfer.c.establishment.in_(list(establishments)))
    if state is not None:
        query = query.where(transfer.c.state == state)
    if before is not None:
        query = query.where(transfer.c.id < before)
    return [_transfer(row) for row in await connection.execute(query)]


async def move(
    connection: AsyncConnection, current: Transfer, following: TransferState, **values: object
) -> Transfer:
    """Take a transfer to its next state, set columns with it, and return it as it is then.

    Raises `IllegalStep` if it is not, or no longer, where `current` says.
    """
    check_step(current.state, following)
    steps = [*current.steps, _step(following)]
    change = {"state": following, "steps": steps, "changed_at": now(), **values}
    named = {"wanted": current.id, "current": current.state}
    moved = (await connection.execute(_MOVE.values(change), named)).one_or_none()
    if moved is None:
        raise IllegalStep(f"transfer {current.id} is no longer {current.state}")
    return _transfer(moved)


async def recipe(connection: AsyncConnection, transfer_id: UUID) -> tuple[dict[str, Any], bytes] | None:
    """Return the committed plan and packed inventory of a transfer that is to be stored; None without them."""
    query = select(transfer.c.plan, transfer.c.inventory).where(transfer.c.id == transfer_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None or row.plan is None or row.inventory is None else (row.plan, row.inventory)


async def record(connection: AsyncConnection, transfer_id: UUID, **values: object) -> None:
    """Set columns of a transfer without moving it."""
    await connection.execute(update(transfer).where(transfer.c.id == transfer_id).values(values))


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


async def find_agreement(connection: AsyncConnection, wanted: str) -> AgreementV1 | None:
    """Return the agreement with this id or identifier, as last published."""
    query = select(agreement.c.body).where(agreement.c.identifier == wanted)
    with contextlib.suppress(ValueError):
        query = select(agreement.c.body).where(agreement.c.id == UUID(wanted))
    body = await connection.scalar(query)
    return None if body is None else AgreementV1.model_validate(body)
