"""What access does: journal each communication, take orders of DIPs, build them, let them go."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from services.access import queries
from services.access.adapters.rooms import Rooms
from services.access.domain.dip import Dip, DipState, package_key
from services.access.pipeline.package import CannotPackage, Contents, Limits, Sources, write_package
from services.access.settings import AccessSettings
from shared.clock import now
from shared.faults import fault_point
from shared.identifiers import new_id
from shared.identity.caller import Caller
from shared.messages.access import DipOrderedV1
from shared.messages.journal import JournalLineV1
from shared.messaging.lease import Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import StaleLease, confirm, enqueue, finish
from shared.object_store.errors import StoreUnavailable
from shared.object_store.port import ObjectStore, Written
from shared.steps import timed

LEAVING_SECONDS = 5.0
"""How long whoever has lost its work may take to remove what it wrote."""

BUILD = "build_dip"
EXPIRE = "expire_dip"

ELIMINATED = "something that it may hold was eliminated; what is left can be ordered again"
"""Why a package is taken back."""


@dataclass(frozen=True)
class Access:
    """What access's edges work with."""

    database: RoomDatabase
    rooms: Rooms
    staging: ObjectStore
    settings: AccessSettings


def line(action: str, actor: str, subject: str, establishment: UUID | None, **details: str | int) -> JournalLineV1:
    """Return a line of the archives' life-cycle journal about something communicated."""
    return JournalLineV1(
        kind="archives", action=action, actor=actor, object=subject, establishment=establishment, details=details
    )


async def record_refusal(
    database: RoomDatabase, caller: Caller, subject: str, establishment: UUID | None = None
) -> None:
    """Journal that somebody asked for what is not theirs, or is not at all (PRV-13)."""
    refused = line("content.refused", caller.subject, subject, establishment)
    async with database.begin() as tx:
        tx.journal(refused.model_copy(update={"outcome": "ko"}))


async def order_dip(access: Access, caller: Caller, establishment: UUID, units: tuple[UUID, ...]) -> Dip:
    """Take an order; a worker will build the package."""
    ordered_at = now()
    dip = Dip(
        id=new_id(),
        establishment=establishment,
        orderer=caller.subject,
        units=units,
        state=DipState.ORDERED,
        ordered_at=ordered_at,
        expires_at=ordered_at + timedelta(days=access.settings.dip_days),
    )
    async with access.database.begin() as tx:
        await queries.add_dip(tx.connection, dip)
        tx.post(DipOrderedV1(dip_id=dip.id, establishment=establishment))
        tx.journal(line("dip.ordered", caller.subject, f"dip:{dip.id}", establishment, units=len(units)))
    return dip


async def enqueue_dips(tx: Transaction, messages: Sequence[DipOrderedV1]) -> None:
    """Have a worker build the packages."""
    pieces = (Piece(str(message.dip_id), cause=message.message_id) for message in messages)
    await enqueue(tx, BUILD, *pieces)


async def build_dip(access: Access, sources: Sources, held: Lease) -> None:
    """Build the package of an order into staging, or say why it cannot be."""
    dip_id = UUID(held.key)
    dip = await _begin(access, dip_id, held)
    if dip is None:
        return
    key = package_key(dip.id, held.epoch)
    try:
        with timed("access", "build_dip"):
            written, contents = await _write(access, sources, dip, key)
    except CannotPackage as error:
        await _fail(access.database, held, dip, str(error))
        return
    except StoreUnavailable as error:
        raise TryAgain(str(error)) from error
    except asyncio.CancelledError:
        await _take_away(access, key)
        raise
    ready = replace(dip, state=DipState.READY, key=key, size=written.measure.size, sha512=written.measure.sha512)
    try:
        if not await _finish(access.database, held, ready, contents):
            await _leave_nothing(access, held, dip)
    except StaleLease:
        await _take_away(access, key)
        raise


async def _take_away(access: Access, key: str) -> None:
    """Remove what an attempt has written that lost its work: whoever removes packages may have been there before."""
    # Nothing depends on it but what it may tell: whoever stops us need not wait for it.
    with suppress(Exception):
        async with asyncio.timeout(LEAVING_SECONDS):
            await access.staging.delete(key)


async def _begin(access: Access, dip_id: UUID, held: Lease) -> Dip | None:
    """Note that an attempt begins, for its key to be found again; None when there is nothing to build."""
    async with access.database.begin() as tx:
        dip = await queries.get_dip(tx.connection, dip_id)
        if dip is None or dip.state is DipState.READY:
            await finish(tx, held)
            return None
        if dip.state is DipState.ORDERED and dip.expires_at > now():
            await queries.begin_attempt(tx.connection, dip_id, held.epoch)
            return dip
    if dip.state is DipState.ORDERED:
        await _fail(access.database, held, dip, "expired before it could be built")
    else:
        await _leave_nothing(access, held, dip)
    return None


async def _write(access: Access, sources: Sources, dip: Dip, key: str) -> tuple[Written, Contents]:
    limits = Limits(access.settings.dip_max_units, access.settings.dip_max_bytes, await _room(access))
    async with access.staging.writer(key) as writer:
        contents = await write_package(dip, sources, limits, writer)
        return await writer.commit(), contents


async def _room(access: Access) -> int | None:
    """Return how many bytes of staging are open to packages. Raises `TryAgain` for none: the reserve is no room."""

    async def held() -> int:
        async with access.database.reading() as connection:
            return await queries.ready_bytes(connection)

    space = await access.staging.space(held)
    if space is not None and space.open <= 0:
        raise TryAgain("staging has no room for packages")
    return None if space is None else space.open


async def _finish(database: RoomDatabase, held: Lease, ready: Dip, contents: Contents) -> bool:
    """Let the package be fetched; not where something in it was destroyed on order while it was built."""
    async with database.begin() as tx:
        # First: a late worker that finds another's package ready must not take it for one that was taken back.
        await confirm(tx, held)
        if not await queries.make_ready(tx.connection, ready, contents.aips):
            return False
        # Only now: whoever notes a purge after this line finds the package, and takes it back.
        if await queries.holds_purged(tx.connection, contents.aips, contents.units):
            await queries.change_dip(tx.connection, ready.id, DipState.FAILED, key=None, reason=ELIMINATED)
            return False
        details: dict[str, str | int] = {"size": ready.size or 0, "sha512": ready.sha512 or ""}
        tx.journal(line("dip.built", "room:access", f"dip:{ready.id}", ready.establishment, **details))
        await enqueue(tx, EXPIRE, Piece(str(ready.id), not_before=ready.expires_at))
        await finish(tx, held)
    return True


async def _leave_nothing(access: Access, held: Lease, dip: Dip) -> None:
    """Remove what was written for an order that has ended meanwhile."""
    await remove_packages(access, dip.id)
    async with access.database.begin() as tx:
        await finish(tx, held)


async def _fail(database: RoomDatabase, held: Lease, dip: Dip, reason: str) -> None:
    async with database.begin() as tx:
        await queries.change_dip(tx.connection, dip.id, DipState.FAILED, reason=reason)
        failed = line("dip.failed", "room:access", f"dip:{dip.id}", dip.establishment)
        tx.journal(failed.model_copy(update={"outcome": "ko"}))
        # What earlier attempts may have left goes at once.
        await enqueue(tx, EXPIRE, Piece(str(dip.id)))
        await finish(tx, held)


async def expire_dip(access: Access, held: Lease) -> None:
    """Remove what was written for an order, by every attempt; the order itself stays, as its trace."""
    dip_id = UUID(held.key)
    await remove_packages(access, dip_id)
    fault_point("access.forget.removed")
    async with access.database.begin() as tx:
        dip = await queries.get_dip(tx.connection, dip_id)
        if dip is not None and dip.state is DipState.READY:
            await queries.change_dip(tx.connection, dip_id, DipState.EXPIRED, key=None)
        await finish(tx, held)


async def remove_packages(access: Access, dip_id: UUID) -> None:
    """Remove the packages of every attempt at an order. Raises `TryAgain`."""
    async with access.database.engine.connect() as connection:
        attempts = await queries.attempts_of(connection, dip_id)
    try:
        for epoch in range(1, attempts + 1):
            await access.staging.delete(package_key(dip_id, epoch))
    except StoreUnavailable as error:
        raise TryAgain(str(error)) from error


def sources_of(rooms: Rooms) -> Sources:
    """Return the real sources of a package: the other rooms, asked in our own name."""
    return Sources(rooms.branch, rooms.data_object, rooms.content)
