"""A room as it runs: its HTTP face, its consumers, its leased work, its relay; started and stopped whole."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter, FastAPI
from sqlalchemy import text

from shared.calls import RoomCalls
from shared.database.engine import room_engine
from shared.gauges import Gauges, count_posted, watch_lag
from shared.identity.tokens import TokenVerifier
from shared.messages.routes import ROUTES
from shared.messaging.consumer import Consumer
from shared.messaging.housekeeping import keep_house
from shared.messaging.rabbitmq import RabbitTransport
from shared.messaging.relay import Relay
from shared.messaging.transaction import RoomDatabase
from shared.messaging.transport import Transport
from shared.messaging.watchdog import watch
from shared.messaging.workers import WorkLoop
from shared.overload import limits_of
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
    gauges: Gauges


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
    database = RoomDatabase(engine, name)
    return Foundation(
        name,
        settings,
        database,
        transport or _broker(settings, name),
        calls,
        verifier,
        Gauges(database),
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

    database.when_posted(count_posted(foundation.name))
    all_probes = {"database": ask_database, "broker": foundation.transport.probe, **(probes or {})}
    limits = limits_of(foundation.settings)
    app = room_app(foundation.name, router, foundation.verifier, all_probes, foundation.gauges.refresh, limits)
    return Room(foundation, app, tuple(consumers), tuple(loops), (foundation.gauges.close, *close))


@contextlib.asynccontextmanager
async def running(*rooms: Room) -> AsyncIterator[None]:
    """Run the relay, consumers and work of rooms while the block lasts; then let them finish and close.

    Rooms of one process stop together: none closes while another may still deliver to it.
    """
    tasks = [asyncio.create_task(watch_lag(), name="event loop lag")]
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
    tasks = [
        asyncio.create_task(relay.run(), name=f"{room.name} relay"),
        asyncio.create_task(keep_house(foundation.database), name=f"{room.name} housekeeping"),
        asyncio.create_task(watch(foundation.database), name=f"{room.name} watchdog"),
    ]
    return tasks + [asyncio.create_task(loop.run(), name=f"{room.name} work") for loop in room.loops]


async def _close(room: Room) -> None:
    for close in room.close:
        await close()
    await room.foundation.calls.close()
    await room.foundation.database.engine.dispose()
