"""The full stack on one machine: PostgreSQL, RabbitMQ, two S3 sites, each room its own process, a front door.

Its state lies in `<home>/stack.json` (mode 600: it holds secrets) and `<home>/full-stack/`, apart from the
all-in-one's: the two ways of running never mix their data. `admin-client.json` is published in `<home>`.
"""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

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
    stack_state,
)
from services.local.rooms import Room
from services.local.settings import room_environment
from services.local.stack_state import ProcessState, State, room_of
from shared.rooms import ROOMS

HERE = Path(services.__file__).parents[1]
"""The tree of this very code."""

WELL = frozenset({"running", "ready", "degraded"})
"""Words of `status` for a part that does its work."""


class StackError(Exception):
    """The stack cannot start; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which processes make the stack, and what they are told besides where everything is.

    In the command, {room} and {port} stand for a room's name and port. With several processes a room, the front door
    shares the requests among them, and the rooms reach each other through it. Rooms and migrations may run another
    tree's code.
    """

    rooms: tuple[str, ...] = ROOMS
    command: tuple[str, ...] = (sys.executable, "-m", "services.{room}", "serve")
    migrate: tuple[str, ...] = (sys.executable, "-m", "services", "migrate")
    also: Mapping[str, str] = field(default_factory=dict)
    processes: int = 1
    code: Path = HERE


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that was started at least once; its parts may be stopped, killed and started one by one."""

    home: Path
    port: int
    rooms: Mapping[str, Room]
    others: Mapping[str, Room] = field(default_factory=dict)

    @property
    def processes(self) -> dict[str, Room]:
        """Every process of every room: the first under the room's name, the others as `<room>-2` and on."""
        return {**self.rooms, **self.others}

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
            **{name: room.log_file for name, room in self.processes.items()},
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
        before = stack_state.read(home)
        _check_door(home, before, port)
        prepared = stack_state.prepared(before, port, plan.rooms, plan.processes, plan.also)
        stack_state.write(home, prepared)  # so that `down` finds all
        around = _start_servers(home, prepared, plan)
        _migrate(home, around, plan)
        state = _describe(around, prepared, plan)
        _end_outdated(home, before, state)
        stack_state.write(home, state)
        stack = _stack(home, state)
        _start_rooms(stack)
        admin_client.publish(stack.folder / "admin-client.json", home, stack.base_url)
    return stack


def load(home: Path) -> Stack | None:
    """Return the stack last started in this folder, running or not; None when there never was one."""
    state = stack_state.read(home.resolve())
    return None if state is None else _stack(home.resolve(), state)


def told_to_rooms(home: Path) -> dict[str, Mapping[str, str]]:
    """Return what each room of a stack is told; nothing where its database does not run."""
    state = stack_state.read(home.resolve())
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
        _together([room.stop for room in stack.processes.values()])
        _together([stack.stop_rabbitmq, partial(stack.stop_site, 0), partial(stack.stop_site, 1)])
        stack.stop_postgres()


def status(home: Path) -> dict[str, str]:
    """Each part with one word: stopped, running, a room's own (ready, degraded, unready, opening) or silent."""
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
    for name, room in stack.processes.items():
        words[name] = str(room.readiness().get("status", "silent")) if room.is_alive() else "stopped"
    return words


def _check_door(home: Path, before: State | None, port: int) -> None:
    door = home / "full-stack" / "caddy"
    if caddy.is_running(door) and (before is None or before.port != port):
        caddy.stop(door)
    if not caddy.is_running(door) and not ports.is_free(port):
        raise StackError(
            f"Port {port} is taken by another program: choose one, for example CHARTRIER_PORT={port + 1}."
        )


def _start_servers(home: Path, state: State, plan: Plan) -> room_settings.Surroundings:
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
            purging=plan.code == HERE,
        )


def _migrate(home: Path, around: room_settings.Surroundings, plan: Plan) -> None:
    if not plan.migrate:
        return
    environment = _environment(room_settings.of_migration(around) | _code(plan))
    done = subprocess.run(plan.migrate, cwd=home, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"The tables could not be brought up to date.\n{done.stdout[-1000:]}{done.stderr[-4000:]}")


def _describe(around: room_settings.Surroundings, prepared: State, plan: Plan) -> State:
    def described(name: str, at: int) -> ProcessState:
        room = room_of(name)
        told = room_settings.of_room(room, around) | {"CHARTRIER_PORT": str(at)} | _code(plan)
        if plan.processes > 1:
            told["CHARTRIER_ROOM_URLS"] = "{}"  # what is named nowhere is at the front door
        return ProcessState(
            port=at, command=tuple(word.format(room=room, port=at) for word in plan.command), told=told
        )

    return prepared.model_copy(
        update={
            "rooms": {name: described(name, process.port) for name, process in prepared.rooms.items()},
            "others": {name: described(name, process.port) for name, process in prepared.others.items()},
        }
    )


def _code(plan: Plan) -> dict[str, str]:
    return {} if plan.code == HERE else {"PYTHONPATH": str(plan.code)}


def _end_outdated(home: Path, before: State | None, now: State) -> None:
    """End a process that still runs with other settings than today's (a server came back on another port)."""
    if before is not None:
        if before.ports != now.ports:
            caddy.stop(home / "full-stack" / "caddy")  # it knows those of the last start
        old = _stack(home, before).processes
        _together([room.stop for name, room in old.items() if before.all[name] != now.all.get(name)])


def _start_rooms(stack: Stack) -> None:
    for room in stack.processes.values():
        room.launch()
    for room in stack.processes.values():
        room.wait_ready()
    if not caddy.is_running(stack.folder / "caddy"):
        doors = {name: [room.port for room in stack.processes.values() if room.name == name] for name in stack.rooms}
        caddy.start(stack.folder / "caddy", stack.port, doors)


def _stack(home: Path, state: State) -> Stack:
    def room(name: str, process: ProcessState) -> Room:
        folder = home / "full-stack" / "rooms" / name.partition("-")[2]
        return Room(room_of(name), process.port, process.command, _environment(process.told), folder)

    return Stack(
        home,
        state.port,
        {name: room(name, process) for name, process in state.rooms.items()},
        {name: room(name, process) for name, process in state.others.items()},
    )


def _environment(told: Mapping[str, str]) -> dict[str, str]:
    """Join the operator's environment, the code of this very tree, and what the room is told."""
    return {**room_environment(), "PYTHONPATH": str(HERE), **told}


def _together(tasks: list[Callable[[], object]]) -> None:
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()
