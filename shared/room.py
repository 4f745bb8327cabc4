"""A room as it runs: its HTTP face, its consumers, its leased work, its relay; started and stopped whole."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from fastapi import APIRouter, FastAPI
from pydantic_settings import BaseSettings
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.calls import RoomCalls
from shared.database.engine import room_engine
from shared.database.migrations import found_head, is_behind
from shared.database.outage import is_outage
from shared.dependencies import API, WORKER, Dependency
from shared.gauges import Gauges, count_posted, watch_lag
from shared.identifiers import new_id
from shared.identity.tokens import TokenVerifier
from shared.messages.routes import ROUTES
from shared.messaging.consumer import Consumer
from shared.messaging.housekeeping import Chore, keep_house
from shared.messaging.lines import Refusals
from shared.messaging.outcome import TryAgain
from shared.messaging.rabbitmq import RabbitTransport
from shared.messaging.relay import Relay
from shared.messaging.transaction import RoomDatabase
from shared.messaging.transport import Transport
from shared.messaging.watchdog import watch
from shared.messaging.workers import WorkLoop
from shared.overload import limits_of
from shared.readiness import Readiness
from shared.settings import RoomSettings
from shared.starting import tell_start, tell_stop
from shared.stopping import StopRequest
from shared.telling import told
from shared.web import room_app

log = logging.getLogger(__name__)

Close = Callable[[], Awaitable[None]]

ASKING_SECONDS = 3.0
"""How long the database may take to answer when it is asked whether it is there."""

GIVING_UP_SECONDS = 1.0
"""How long each part of a room that never opened may take to close: it holds nothing that would be lost."""


class TablesBehind(TryAgain):
    """The tables lack a migration that this code counts on."""


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
    """A room ready to be opened; nothing is connected yet."""

    foundation: Foundation
    app: FastAPI
    readiness: Readiness
    refusals: Refusals
    consumers: Sequence[Consumer] = ()
    loops: Sequence[WorkLoop] = ()
    close: Sequence[Close] = field(default=())
    chores: Sequence[Chore] = field(default=())
    own: BaseSettings | None = None
    role: str = "serve"
    run: UUID = field(default_factory=new_id)

    @property
    def name(self) -> str:
        """Return the room's name."""
        return self.foundation.name

    def playing(self, role: str) -> "Room":
        """Return the room in a role: `serve` does everything; `api` leaves messages and work to a `worker`."""
        self.readiness.play(role)
        room = replace(self, role=role)
        return replace(room, consumers=(), loops=()) if role == API else room

    def made_with(self, own: BaseSettings) -> "Room":
        """Return the room with the settings of its own noted: its start is told with them."""
        return replace(self, own=own)


def assemble(
    foundation: Foundation,
    router: APIRouter,
    *,
    consumers: Sequence[Consumer] = (),
    loops: Sequence[WorkLoop] = (),
    dependencies: Sequence[Dependency] = (),
    close: Sequence[Close] = (),
) -> Room:
    """Put a room together: its routes behind the guard, with health and metrics of all its parts.

    `dependencies` are those that it has beside a database and a broker.
    """
    database = foundation.database

    database.when_posted(count_posted(foundation.name))
    both = (_database(database), _broker_of(foundation.transport))
    readiness = Readiness(foundation.name, (*both, *dependencies))
    limits = limits_of(foundation.settings)
    app = room_app(foundation.name, router, foundation.verifier, readiness, foundation.gauges.refresh, limits)
    refusals = Refusals(database)
    app.state.note_refusal = refusals.note
    closing = (foundation.gauges.close, refusals.close, *close)
    return Room(foundation, app, readiness, refusals, tuple(consumers), tuple(loops), closing)


def _database(database: RoomDatabase) -> Dependency:
    async def ask() -> None:
        async with asyncio.timeout(ASKING_SECONDS), database.reading() as connection:
            await connection.execute(text("SELECT 1"))

    async def find_tables() -> None:
        # A database that was not migrated yet answers, and nothing would work.
        try:
            async with asyncio.timeout(ASKING_SECONDS), database.reading() as connection:
                found = await found_head(connection)
        except DBAPIError as error:
            if is_outage(error):
                raise
            # There are none, or they are from before a room could ask.
            found = None
        if is_behind(database.room, found):
            raise TablesBehind(f"{database.room}: tables at {found or 'nothing'}; migrate first")

    return Dependency("database", ask, open=find_tables)


def _broker_of(transport: Transport) -> Dependency:
    # While it is away, what an API takes in waits in the outbox: nobody is to be turned away for it.
    return Dependency("broker", transport.probe, required_by=frozenset({WORKER}))


@contextlib.asynccontextmanager
async def running(*rooms: Room, stop: StopRequest | None = None) -> AsyncIterator[asyncio.Task[None]]:
    """Open rooms, and run their relays, consumers and work while the block lasts; then let them finish and close.

    The block begins at once, with the task that opens the rooms: they answer for their health before all that
    they depend on does. `stop` is told when the settings do not match what is found. Rooms of one process open
    and stop together: what one sends is heard by all, and none closes while another may still deliver to it.
    """
    tasks = [asyncio.create_task(watch_lag(), name="event loop lag")]
    watching = contextlib.AsyncExitStack()
    for room in rooms:
        await watching.enter_async_context(room.readiness.watching())
    opening = asyncio.create_task(_open(rooms, tasks, stop or StopRequest()), name="opening")
    try:
        yield opening
    finally:
        # First, so that the relay may still send them.
        await asyncio.gather(*(_tell_stop(room) for room in rooms))
        for task in (opening, *tasks):
            task.cancel()
        await asyncio.gather(opening, *tasks, return_exceptions=True)
        await watching.aclose()
        for room in rooms:
            await room.foundation.transport.stop()
        for room in rooms:
            await _close(room)
            log.info("room closed", extra={"of": room.name})


async def _open(rooms: Sequence[Room], tasks: list[asyncio.Task[None]], stop: StopRequest) -> None:
    """Wait until all rooms may open, then set them going; `tasks` takes what runs from then on."""
    try:
        for room in rooms:
            await room.readiness.opened()
        for room in rooms:
            await room.foundation.transport.start()
            for consumer in room.consumers:
                await room.foundation.transport.subscribe(consumer)
    except Exception as error:  # noqa: BLE001 (whoever serves the rooms tells it, and ends)
        log.error("not opened", extra={"reason": told(error)})  # noqa: TRY400
        stop.give_up(error)
        return
    for room in rooms:
        tasks += _set_going(room)
        log.info("room open", extra={"of": room.name})


def _set_going(room: Room) -> list[asyncio.Task[None]]:
    database = room.foundation.database
    relay = Relay(database, room.foundation.transport)
    settings = [room.foundation.settings, *([] if room.own is None else [room.own])]
    tasks = [
        asyncio.create_task(relay.run(), name=f"{room.name} relay"),
        asyncio.create_task(tell_start(database, room.run, room.role, settings), name=f"{room.name} tells its start"),
        asyncio.create_task(room.refusals.run(), name=f"{room.name} tells refusals"),
    ]
    if room.consumers or room.loops:
        # What messages and work leave behind is seen to where they are dealt with.
        tasks += [
            asyncio.create_task(keep_house(database, room.chores), name=f"{room.name} housekeeping"),
            asyncio.create_task(watch(database), name=f"{room.name} watchdog"),
        ]
    return tasks + [asyncio.create_task(loop.run(), name=f"{room.name} work") for loop in room.loops]


async def _tell_stop(room: Room) -> None:
    # One that never opened has told of no start.
    if room.readiness.is_open:
        await room.refusals.close()
        await tell_stop(room.foundation.database, room.run)


async def _close(room: Room) -> None:
    patience = None if room.readiness.is_open else GIVING_UP_SECONDS
    for close in (*room.close, room.foundation.calls.close, room.foundation.database.engine.dispose):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await close()
