"""A room as it runs: its HTTP face, its consumers, its leased work, its relay; started and stopped whole."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter, FastAPI
from sqlalchemy import extract, func, select, text

from shared.calls import RoomCalls
from shared.database.engine import room_engine
from shared.database.plumbing import dead_letter, outbox, work
from shared.identity.tokens import TokenVerifier
from shared.messages.routes import ROUTES
from shared.messaging.consumer import Consumer
from shared.messaging.rabbitmq import RabbitTransport
from shared.messaging.relay import Relay
from shared.messaging.transaction import RoomDatabase
from shared.messaging.transport import Transport
from shared.messaging.workers import WorkLoop
from shared.observability import DEAD_LETTERS, OUTBOX_AGE, OUTBOX_ROWS, WORK_AGE, WORK_ROWS
from shared.settings import RoomSettings
from shared.web import Probe, room_app

log = logging.getLogger(__name__)

Close = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Foundation:
    """What every room stands on, opened from its settings."""

    name: str
    settings: RoomSettings
    database: RoomDatabase
    transport: Transport
    calls: RoomCalls
    verifier: TokenVerifier


def lay(name: str, settings: RoomSettings, transport: Transport | None = None) -> Foundation:
    """Open a room's database, transport, calls and token verifier; nothing connects yet.

    `transport` is given when rooms share one process; otherwise the settings name the broker.
    Raises RuntimeError when they do not.
    """
    engine = room_engine(settings.database_url.get_secret_value(), name, pool=settings.database_pool)
    calls = RoomCalls(settings, name)

    async def fetch_keys() -> dict[str, object]:
        keys = await calls.get_json("admin", "/admin/v1/jwks.json")
        return dict(keys or {"keys": []})

    secret = settings.internal_secret.get_secret_value()
    verifier = TokenVerifier(settings.base_url, secret, fetch_keys, also=settings.former_and_next_secrets)
    return Foundation(
        name,
        settings,
        RoomDatabase(engine, name),
        transport or _broker(settings, name),
        calls,
        verifier,
    )


def _broker(settings: RoomSettings, name: str) -> Transport:
    url = settings.broker_url.get_secret_value()
    if not url.startswith(("amqp://", "amqps://")):
        # Delivery in process would take what is meant for the other rooms for delivered.
        raise RuntimeError(f"{name} is a process of its own: CHARTRIER_BROKER_URL must be amqp://… or amqps://…")
    return RabbitTransport(url, f"chartrier {name}", ROUTES)


@dataclass(frozen=True)
class Room:
    """A room ready to run."""

    foundation: Foundation
    app: FastAPI
    consumers: Sequence[Consumer] = ()
    loops: Sequence[WorkLoop] = ()
    close: Sequence[Close] = field(default=())

    @property
    def name(self) -> str:
        """Return the room's name."""
        return self.foundation.name


def assemble(
    foundation: Foundation,
    router: APIRouter,
    *,
    consumers: Sequence[Consumer] = (),
    loops: Sequence[WorkLoop] = (),
    probes: Mapping[str, Probe] | None = None,
    close: Sequence[Close] = (),
) -> Room:
    """Put a room together: its routes behind the guard, with health and metrics of all its parts."""
    database = foundation.database

    async def ask_database() -> None:
        async with database.reading() as connection:
            await connection.execute(text("SELECT 1"))

    async def measure() -> None:
        await refresh_gauges(database)

    all_probes = {"database": ask_database, "broker": foundation.transport.probe, **(probes or {})}
    app = room_app(foundation.name, router, foundation.verifier, all_probes, measure)
    return Room(foundation, app, tuple(consumers), tuple(loops), tuple(close))


@contextlib.asynccontextmanager
async def running(*rooms: Room) -> AsyncIterator[None]:
    """Run the relay, consumers and work of rooms while the block lasts; then let them finish and close.

    Rooms of one process stop together: none closes while another may still deliver to it.
    """
    tasks: list[asyncio.Task[None]] = []
    for room in rooms:
        tasks += await _set_going(room)
        log.info("room open", extra={"of": room.name})
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for room in rooms:
            await room.foundation.transport.stop()
        for room in rooms:
            await _close(room)
            log.info("room closed", extra={"of": room.name})


async def _set_going(room: Room) -> list[asyncio.Task[None]]:
    foundation = room.foundation
    relay = Relay(foundation.database, foundation.transport)
    await foundation.transport.start()
    for consumer in room.consumers:
        await foundation.transport.subscribe(consumer)
    tasks = [asyncio.create_task(relay.run(), name=f"{room.name} relay")]
    return tasks + [asyncio.create_task(loop.run(), name=f"{room.name} work") for loop in room.loops]


async def _close(room: Room) -> None:
    for close in room.close:
        await close()
    await room.foundation.calls.close()
    await room.foundation.database.engine.dispose()


async def refresh_gauges(database: RoomDatabase) -> None:
    """Set the gauges of queues that live in the room's database; one query, no listing of rows."""
    oldest = extract("epoch", func.now() - func.min(outbox.c.created_at))
    work_oldest = extract("epoch", func.now() - func.min(work.c.created_at))
    async with database.reading() as connection:
        rows, age = (await connection.execute(select(func.count(), oldest).select_from(outbox))).one()
        dead = await connection.scalar(select(func.count()).select_from(dead_letter))
        kinds = (await connection.execute(select(work.c.kind, func.count(), work_oldest).group_by(work.c.kind))).all()
    OUTBOX_ROWS.labels(database.room).set(rows)
    OUTBOX_AGE.labels(database.room).set(age or 0)
    DEAD_LETTERS.labels(database.room).set(dead or 0)
    told = _TOLD_KINDS[database.room]
    told.update(kind for kind, _, _ in kinds)
    waiting = {kind: (count, kind_age) for kind, count, kind_age in kinds}
    for kind in told:
        count, kind_age = waiting.get(kind, (0, 0))
        WORK_ROWS.labels(database.room, kind).set(count)
        WORK_AGE.labels(database.room, kind).set(kind_age or 0)


_TOLD_KINDS: dict[str, set[str]] = defaultdict(set)
"""Kinds of work that a room once had: a gauge stays where it is until it is told that nothing is left."""
