"""The full stack on one machine: PostgreSQL, RabbitMQ, two S3 sites, each room its own process, a front door.

Its state lies in `<home>/stack.json` (mode 600: it holds secrets) and `<home>/full-stack/`, apart from the
all-in-one's: the two ways of running never mix their data. `admin-client.json` is published in `<home>`.
"""

import asyncio
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

import services
from services.local import (
    admin_client,
    caddy,
    files,
    ports,
    postgres,
    postgres_roles,
    rabbitmq,
    room_settings,
    seaweedfs,
)
from services.local.rooms import Room
from services.local.settings import room_environment
from shared.rooms import ROOMS


class StackError(Exception):
    """The stack cannot start; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which processes make the stack, and what they are told besides where everything is.

    In the command, {room} and {port} stand for a room's name and port.
    """

    rooms: tuple[str, ...] = ROOMS
    command: tuple[str, ...] = (sys.executable, "-m", "services.{room}", "serve")
    migrate: tuple[str, ...] = (sys.executable, "-m", "services", "migrate")
    also: Mapping[str, str] = field(default_factory=dict)


class _RoomState(BaseModel):
    model_config = ConfigDict(frozen=True)

    port: int
    command: tuple[str, ...] = ()
    told: dict[str, str] = {}


class _State(BaseModel):
    """All that is needed to find and restart the parts of a stack."""

    model_config = ConfigDict(frozen=True)

    port: int
    internal_secret: str
    rooms: dict[str, _RoomState]


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that was started at least once; its parts may be stopped, killed and started one by one."""

    home: Path
    port: int
    rooms: Mapping[str, Room]

    @property
    def base_url(self) -> str:
        """The front door."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        """Where the servers keep their files."""
        return self.home / "full-stack"

    def site_folder(self, number: int) -> Path:
        """Where a site (0 or 1) keeps its objects."""
        return self.folder / "sites" / "ab"[number]

    def start_postgres(self) -> postgres.Postgres:
        """Start PostgreSQL again on the same data and socket."""
        return postgres.start(self.folder / "postgres")

    def stop_postgres(self) -> None:
        """Stop PostgreSQL, cutting every session."""
        postgres.stop(self.folder / "postgres")

    def start_rabbitmq(self) -> rabbitmq.Broker:
        """Start RabbitMQ again with the same queues, port and password."""
        return rabbitmq.start(self.folder / "rabbitmq")

    def stop_rabbitmq(self) -> None:
        """Stop RabbitMQ and its helper programs."""
        rabbitmq.stop(self.folder / "rabbitmq")

    def start_site(self, number: int) -> seaweedfs.Site:
        """Start a site (0 or 1) again with the same objects, port and keys."""
        return seaweedfs.start(self.site_folder(number))

    def stop_site(self, number: int) -> None:
        """Stop a site (0 or 1)."""
        seaweedfs.stop(self.site_folder(number))

    def log_files(self) -> dict[str, Path]:
        """Every log of the stack by a short name."""
        return {
            **{room.name: room.log_file for room in self.rooms.values()},
            "postgres": self.folder / "postgres" / "postgres.log",
            "rabbitmq": self.folder / "rabbitmq" / "rabbitmq.log",
            "site-a": self.site_folder(0) / "seaweedfs.log",
            "site-b": self.site_folder(1) / "seaweedfs.log",
            "caddy": self.folder / "caddy" / "caddy.log",
        }


def up(home: Path, port: int, plan: Plan | None = None) -> Stack:
    """Start what does not run yet; returns once every room is ready behind the front door.

    Blocking, with an event loop of its own inside: asynchronous code calls it in a thread.
    """
    plan = plan or Plan()
    rabbitmq.program()  # a missing server is said now, not after everything else has started
    home = files.private_folder(home)
    with files.held(home / "stack.lock"):
        before = _read(home)
        _check_door(home, before, port)
        prepared = _prepared(before, port, plan)
        files.write_private(home / "stack.json", prepared.model_dump_json(indent=1))  # so that `down` finds all
        around = _start_servers(home, prepared, plan)
        _migrate(home, around, plan)
        state = _describe(around, plan, port)
        _end_outdated(home, before, state)
        files.write_private(home / "stack.json", state.model_dump_json(indent=1))
        stack = _stack(home, state)
        _start_rooms(stack)
        admin_client.publish(stack.folder / "admin-client.json", home, stack.base_url)
    return stack


def load(home: Path) -> Stack | None:
    """Return the stack last started in this folder, running or not; None when there never was one."""
    state = _read(home.resolve())
    return None if state is None else _stack(home.resolve(), state)


def told_to_rooms(home: Path) -> dict[str, Mapping[str, str]]:
    """Return what each room of a stack is told; nothing where its database does not run."""
    state = _read(home.resolve())
    if state is None or not postgres.is_running(home.resolve() / "full-stack" / "postgres"):
        return {}
    return {name: room.told for name, room in state.rooms.items()}


def down(home: Path) -> None:
    """Stop every process of the stack and nothing else; all data stay."""
    home = home.resolve()
    stack = load(home)
    if stack is None:
        return
    with files.held(home / "stack.lock"):
        caddy.stop(stack.folder / "caddy")
        _together([room.stop for room in stack.rooms.values()])
        _together([stack.stop_rabbitmq, partial(stack.stop_site, 0), partial(stack.stop_site, 1)])
        stack.stop_postgres()


def status(home: Path) -> dict[str, str]:
    """Each part with one word: stopped, running, or a room's own (ready, degraded, unready, opening)."""
    stack = load(home)
    if stack is None:
        return {}
    servers = {
        "postgres": postgres.is_running(stack.folder / "postgres"),
        "rabbitmq": rabbitmq.is_running(stack.folder / "rabbitmq"),
        "site-a": seaweedfs.is_running(stack.site_folder(0)),
        "site-b": seaweedfs.is_running(stack.site_folder(1)),
        "caddy": caddy.is_running(stack.folder / "caddy"),
    }
    words = {name: "running" if alive else "stopped" for name, alive in servers.items()}
    for name, room in stack.rooms.items():
        words[name] = str(room.readiness().get("status", "running")) if room.is_alive() else "stopped"
    return words


def _read(home: Path) -> _State | None:
    try:
        return _State.model_validate_json((home / "stack.json").read_bytes())
    except FileNotFoundError:
        return None


def _check_door(home: Path, before: _State | None, port: int) -> None:
    door = home / "full-stack" / "caddy"
    if caddy.is_running(door) and (before is None or before.port != port):
        caddy.stop(door)
    if not caddy.is_running(door) and not ports.is_free(port):
        raise StackError(
            f"Port {port} is taken by another program: choose one, for example CHARTRIER_PORT={port + 1}."
        )


def _prepared(before: _State | None, port: int, plan: Plan) -> _State:
    """Keep the ports of the last start, and its secret unless the operator gives another; choose those that miss."""
    known = {} if before is None else {room: before.rooms[room].port for room in plan.rooms if room in before.rooms}
    missing = [room for room in plan.rooms if room not in known]
    fresh = ports.free_ports(len(missing), taken={port, *known.values()})
    chosen = known | dict(zip(missing, fresh, strict=True))
    kept = secrets.token_urlsafe(32) if before is None else before.internal_secret
    secret = plan.also.get("CHARTRIER_INTERNAL_SECRET", kept)
    return _State(port=port, internal_secret=secret, rooms={room: _RoomState(port=at) for room, at in chosen.items()})


def _start_servers(home: Path, state: _State, plan: Plan) -> room_settings.Surroundings:
    stack = _stack(home, state)
    files.private_folder(stack.folder / "staging")
    with ThreadPoolExecutor() as pool:  # RabbitMQ takes most of the time; the others start meanwhile
        broker = pool.submit(stack.start_rabbitmq)
        stores = [pool.submit(stack.start_site, number) for number in (0, 1)]
        database = stack.start_postgres()
        asyncio.run(postgres_roles.provision(database.superuser_url))
        sites = tuple(store.result() for store in stores)
        for site in sites:
            seaweedfs.ensure_bucket(site.client(), room_settings.BUCKET)
        return room_settings.Surroundings(
            home=stack.folder,
            database=database,
            broker=broker.result(),
            sites=sites,
            base_url=stack.base_url,
            internal_secret=state.internal_secret,
            room_ports={name: room.port for name, room in state.rooms.items()},
            also=plan.also,
        )


def _migrate(home: Path, around: room_settings.Surroundings, plan: Plan) -> None:
    if not plan.migrate:
        return
    environment = _environment(room_settings.of_migration(around))
    done = subprocess.run(plan.migrate, cwd=home, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"The tables could not be brought up to date.\n{done.stdout[-1000:]}{done.stderr[-4000:]}")


def _describe(around: room_settings.Surroundings, plan: Plan, port: int) -> _State:
    rooms = {}
    for room, at in around.room_ports.items():
        command = tuple(word.format(room=room, port=at) for word in plan.command)
        rooms[room] = _RoomState(port=at, command=command, told=room_settings.of_room(room, around))
    return _State(port=port, internal_secret=around.internal_secret, rooms=rooms)


def _end_outdated(home: Path, before: _State | None, now: _State) -> None:
    """End a room that still runs with other settings than today's (a server came back on another port)."""
    if before is not None:
        old = _stack(home, before).rooms
        _together([room.stop for name, room in old.items() if before.rooms[name] != now.rooms.get(name)])


def _start_rooms(stack: Stack) -> None:
    for room in stack.rooms.values():
        room.launch()
    for room in stack.rooms.values():
        room.wait_ready()
    if not caddy.is_running(stack.folder / "caddy"):
        caddy.start(stack.folder / "caddy", stack.port, {room.name: room.port for room in stack.rooms.values()})


def _stack(home: Path, state: _State) -> Stack:
    folder = home / "full-stack" / "rooms"
    rooms = {
        name: Room(name, room.port, room.command, _environment(room.told), folder)
        for name, room in state.rooms.items()
    }
    return Stack(home, state.port, rooms)


def _environment(told: Mapping[str, str]) -> dict[str, str]:
    """Join the operator's environment, the code of this very tree, and what the room is told."""
    root = str(Path(services.__file__).parent.parent)
    return {**room_environment(), "PYTHONPATH": root, **told}


def _together(tasks: list[Callable[[], object]]) -> None:
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()
