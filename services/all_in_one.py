"""Every room in one process, on an embedded PostgreSQL, the local transport and two filesystem sites."""

import asyncio
import contextlib
import json
import logging
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import uvloop
from pydantic import SecretStr
from pydantic_settings import BaseSettings
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from services.local import admin_client, files, ports, postgres, postgres_roles
from services.local.settings import LocalSettings, environment_of_rooms, tell
from services.migrating import migrate
from services.rooms import ROOMS
from shared import configuration
from shared.database.engine import role_of
from shared.database.migrations import upgrade_all
from shared.exporting import tracing_of
from shared.messaging.local import LocalTransport
from shared.observability import configure_logging
from shared.problems import answer, language_of, not_found
from shared.room import Room, running
from shared.serving import listen, told
from shared.settings import RoomSettings
from shared.stopping import StopRequest, heeding_signals

log = logging.getLogger(__name__)

GIVEN = ("CHARTRIER_DATABASE_URL", "CHARTRIER_INTERNAL_SECRET", "CHARTRIER_BASE_URL")
"""What the rooms of this process hear from us, whatever stands in the environment."""

# Two folders of one machine are two places in name only, and their names say so to whoever reads a receipt.
PLACES = ("cette machine, dossier A", "cette machine, dossier B")


def checked() -> tuple[LocalSettings, list[configuration.Fault]]:
    """Return our own settings, and all that is wrong with them and with those of the rooms of this process."""
    faults = configuration.faults_of((LocalSettings,))
    ours = LocalSettings.model_construct() if faults else LocalSettings()
    state = ours.home.resolve() / "all-in-one"
    found = configuration.faults_of(classes(), environment_of_rooms(state, surroundings(state)))
    return ours, faults + [one for one in found if one.place not in GIVEN and one not in faults]


def classes() -> tuple[type[BaseSettings], ...]:
    """Return the classes of all settings that this process reads."""
    return (LocalSettings, RoomSettings, *(plan.own for plan in ROOMS.values()))


def run() -> int:
    """Open the archive of a folder and serve it until told to stop; started again, all is in place.

    Where a setting is wrong, of this process or of a room in it, all of them are named and it exits with 78.
    """
    settings, faults = checked()
    if faults:
        configuration.refuse(*map(str, faults), *configuration.slips(classes()))
    try:
        state = files.private_folder(settings.home / "all-in-one")
    except OSError as error:
        configuration.refuse(f"CHARTRIER_HOME: a folder that we may write to is expected ({error.strerror})")
    configure_logging("all-in-one", settings.log_level)
    if not ports.is_free(settings.port):
        print(f"Port {settings.port} is taken: stop what listens there, or set CHARTRIER_PORT.", file=sys.stderr)
        return 1
    try:
        with heeding_signals() as stop, files.held(state / "lock", wait=False):
            _run(settings, state, stop)
        return told(stop)
    except files.HeldError:
        print(f"The archive in {state.parent} is open in another process: stop that one first.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # Ctrl-C before we took heed of it, or again while the archive closed.
        return 130


def _run(settings: LocalSettings, state: Path, stop: StopRequest) -> None:
    try:
        server = postgres.start(state / "postgres")
        asyncio.run(postgres_roles.provision(server.superuser_url))
        if stop.asked():
            return
        migrate(server.url(postgres_roles.OWNER))
        if stop.asked():
            return
        tell(state, surroundings(state))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, state, server, stop))
    finally:
        postgres.stop(state / "postgres")


@contextlib.contextmanager
def at_rest(settings: LocalSettings) -> Iterator[None]:
    """Have the database of an archive that does not run answer, its tables made, while the block lasts.

    Of a folder where only the sites are left it is an empty one. Raises `files.HeldError` while the archive runs.
    """
    state = files.private_folder(settings.home / "all-in-one")
    with files.held(state / "lock", wait=False):
        try:
            server = postgres.start(state / "postgres")
            asyncio.run(postgres_roles.provision(server.superuser_url))
            upgrade_all(server.url(postgres_roles.OWNER))
            yield
        finally:
            postgres.stop(state / "postgres")


def surroundings(state: Path) -> dict[str, str]:
    """Return what the rooms are told, as in the full stack."""
    sites = [
        {"name": f"site-{letter}", "kind": "filesystem", "place": place, "path": str(state / f"site-{letter}")}
        for letter, place in zip("ab", PLACES, strict=True)
    ]
    return {
        "CHARTRIER_STAGING_URL": (state / "staging").as_uri(),
        "CHARTRIER_SITES": json.dumps(sites),
        "CHARTRIER_SIGNER_URL": f"development:{state / 'proof-keys'}",
        # Here a newcomer tries everything with the first client; in production it is not given that much.
        "CHARTRIER_BOOTSTRAP_FULL": "true",
    }


def told_to_rooms(settings: LocalSettings) -> dict[str, dict[str, str]]:
    """Return what each room would be told as a process of its own; nothing where its database does not run."""
    state = settings.home.resolve() / "all-in-one"
    server = postgres.running(state / "postgres")
    if server is None:
        return {}
    common = {
        **surroundings(state),
        "CHARTRIER_HOME": str(state),
        "CHARTRIER_INTERNAL_SECRET": _secret(state / "internal-secret"),
        "CHARTRIER_BASE_URL": f"http://127.0.0.1:{settings.port}",
    }
    return {room: {**common, "CHARTRIER_DATABASE_URL": server.url(role_of(room))} for room in ROOMS}


def is_there(settings: LocalSettings) -> bool:
    """Say whether an archive of one process lies in this folder, running or not."""
    return (settings.home / "all-in-one" / "postgres").is_dir()


def _room_settings(settings: LocalSettings, state: Path, server: postgres.Postgres, room: str) -> RoomSettings:
    return RoomSettings(
        database_url=SecretStr(server.url(role_of(room))),
        internal_secret=SecretStr(_secret(state / "internal-secret")),
        base_url=f"http://127.0.0.1:{settings.port}",
        host="127.0.0.1",
        port=settings.port,
    )


def _secret(place: Path) -> str:
    if not place.exists():
        files.write_private(place, secrets.token_urlsafe(48))
    return place.read_text(encoding="utf-8")


async def _serve(settings: LocalSettings, state: Path, server: postgres.Postgres, stop: StopRequest) -> None:
    transport = LocalTransport()
    rooms = {
        name: plan.room(_room_settings(settings, state, server, name), transport) for name, plan in ROOMS.items()
    }
    async with traced(rooms), running(*rooms.values(), stop=stop) as opening:
        published = asyncio.create_task(_publish(opening, settings, state, stop))
        front = FrontDoor({name: room.app for name, room in rooms.items()})
        await listen(front, rooms["admin"].foundation.settings, stop)
    await published


async def _publish(opening: asyncio.Task[None], settings: LocalSettings, state: Path, stop: StopRequest) -> None:
    """Once the rooms are open, leave the first client's credentials where the operator looks for them."""
    await asyncio.wait({opening})
    if opening.cancelled() or stop.given_up is not None:
        return
    base_url = f"http://127.0.0.1:{settings.port}"
    place = admin_client.publish(state / "admin-client.json", settings.home, base_url)
    log.info("Chartrier answers", extra={"url": base_url, "administrator": str(place)})


@contextlib.asynccontextmanager
async def traced(rooms: Mapping[str, Room]) -> AsyncIterator[None]:
    """Send the traces of all rooms, in the way that any of them was told, while the block lasts."""
    tracing = tracing_of("chartrier", rooms["admin"].foundation.settings)
    tracing.watch([room.foundation.database.engine for room in rooms.values()])
    try:
        yield
    finally:
        await asyncio.to_thread(tracing.close)


class FrontDoor:
    """Hands each request to the room that its path begins with."""

    def __init__(self, rooms: Mapping[str, ASGIApp]) -> None:
        self._rooms = rooms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the room does; a 404 problem where there is none."""
        # A path may be empty, or “*” (OPTIONS, RFC 9112 section 3.2.4).
        _, _, path = scope["path"].partition("/")
        target = self._rooms.get(path.partition("/")[0]) or answer(not_found(), _language(scope))
        await target(scope, receive, send)


def _language(scope: Scope) -> str:
    return language_of(Headers(scope=scope).get("accept-language"))
