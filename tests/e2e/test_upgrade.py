"""The archive is upgraded while deposits come in: the last release and today's code, on one database and broker."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from services.local import caddy, ports, postgres_roles, stack
from services.local.rooms import Room
from services.local.stack import HERE, Plan, Stack
from shared.rooms import ROOMS
from tests.e2e.flows import flowing
from tests.e2e.replays import consumers_of
from trials.evidence import assert_accepted_once
from trials.levers import Levers, until
from trials.towns import Archive, a_town

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PREVIOUS = Path(__file__).with_name("previous_release.txt")
"""The commit of the last release: whoever releases writes it there."""

GOLDEN = "tests/golden/messages"

# Between these two halves every message of a deposit's life passes, in one direction or the other.
FIRST = ("ingest", "data_management", "access")
SECOND = ("storage", "proof", "admin")
# A queue of each of the rooms that a deposit passes.
QUEUES = {
    "ingest": "ingest.check_sip",
    "storage": "storage.copy_aip",
    "data_management": "data_management.take_aip",
    "proof": "proof.keep_lines",
    "access": "access.build_dip",
}


def lacking(what: str) -> NoReturn:
    """Skip on a machine of one's own; where changes are judged, nothing passes that was not tried."""
    if os.environ.get("CI") == "true":  # noqa: TID251 (no setting of the archive: who runs the tests)
        pytest.fail(f"{what}; under CI=true this must be tried: fetch the whole history")
    pytest.skip(what)


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of the last release."""
    commit = PREVIOUS.read_text(encoding="utf-8").strip()
    git = shutil.which("git")
    if git is None:
        lacking("git is not here: the last release cannot be had")
    words = (git, "-C", str(HERE), "archive", commit, "services", "shared", GOLDEN)
    made = subprocess.run(words, capture_output=True, check=False)
    if made.returncode != 0:
        lacking(f"this clone is too shallow to have the last release, {commit}")
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as tree:
        tree.extractall(folder, filter="data")
    return folder


@pytest.fixture
def of_yesterday(previous: Path, tmp_path: Path) -> Iterator[Stack]:
    """A full stack that runs the last release: its rooms, and tables as its migrations made them."""
    (port,) = ports.free_ports(1)
    try:
        yield stack.up(tmp_path / "home", port, Plan(code=previous))
    finally:
        stack.down(tmp_path / "home")


def of_today(levers: Levers, folder: Path) -> dict[str, Room]:
    """One process more for every room, of today's code, beside the other; not started yet."""
    told = {"PYTHONPATH": str(HERE), "CHARTRIER_ROOM_URLS": "{}"}  # the other rooms are found at the front door
    beside = {name: levers.beside(name, folder / name, "serve") for name in ROOMS}
    return {name: replace(room, environment={**room.environment, **told}) for name, room in beside.items()}


def migrate(levers: Levers) -> None:
    """Do what the migration job does, with today's code."""
    owner = levers.stack.start_postgres().url(postgres_roles.OWNER)
    told = {"PYTHONPATH": str(HERE), "CHARTRIER_OWNER_DATABASE_URL": owner}
    environment = {**levers.room("ingest").environment, **told}
    subprocess.run([sys.executable, "-m", "services", "migrate"], cwd=levers.stack.home, env=environment, check=True)


def start_beside(levers: Levers, today: dict[str, Room], names: tuple[str, ...]) -> None:
    """Start today's process of these rooms: beside the other it answers, and hears the room's queues."""
    for name in names:
        today[name].launch()
    for name in names:
        today[name].wait_ready()
    for queue in (QUEUES[name] for name in names if name in QUEUES):
        until(partial(hears_twice, levers, queue))


def hears_twice(levers: Levers, queue: str) -> bool:
    return consumers_of(levers, queue) == 2


def revisions(levers: Levers) -> dict[str, str]:
    """Room → the last migration that its tables went through."""
    return {room: levers.ask("SELECT version_num FROM alembic_version", room=room)[0][0] for room in ROOMS}


def newest(tree: Path) -> dict[str, str]:
    """Room → the last migration of a tree."""
    return {room: migrations(tree, room)[-1].name[:4] for room in ROOMS}


def migrations(tree: Path, room: str) -> list[Path]:
    return sorted((tree / "services" / room / "migrations" / "versions").glob("*.py"))


def test_the_last_release_and_todays_code_share_the_work_and_refuse_nothing(
    previous: Path, of_yesterday: Stack, tmp_path: Path
) -> None:
    levers = Levers.of(of_yesterday)
    today = of_today(levers, tmp_path / "today")
    doors = {name: [of_yesterday.rooms[name].port, today[name].port] for name in ROOMS}
    caddy.start(of_yesterday.folder / "caddy", of_yesterday.port, doors)
    town = a_town(Archive("full-stack", of_yesterday.base_url, of_yesterday.home / "admin-client.json"))
    with ExitStack() as stopping, flowing(town, tmp_path) as flow:
        for room in today.values():
            stopping.callback(room.stop)
        flow.until_accepted()
        assert revisions(levers) == newest(previous)
        migrate(levers)
        assert revisions(levers) == newest(HERE)
        flow.until_accepted()  # yesterday's code, on today's tables

        start_beside(levers, today, FIRST)
        flow.until_accepted(2)
        for name in FIRST:
            of_yesterday.rooms[name].stop()
        flow.until_accepted(2)  # half of the rooms are of today, half of yesterday
        start_beside(levers, today, SECOND)
        flow.until_accepted(2)
        for name in SECOND:
            of_yesterday.rooms[name].stop()
        flow.until_accepted()

        flow.end()
        assert set(flow.answers) == {200, 202}
        assert_accepted_once(levers, town, flow.transfers)


def test_a_migration_once_released_is_never_edited(previous: Path) -> None:
    edited = [
        f"{room}/{before.name}"
        for room in ROOMS
        for before, now in zip(migrations(previous, room), migrations(HERE, room), strict=False)
        if (before.name, before.read_bytes()) != (now.name, now.read_bytes())
    ]

    assert edited == []


def test_what_the_last_release_said_is_understood_today(previous: Path) -> None:
    assert read_by(HERE, previous) >= {path.stem for path in (previous / GOLDEN).glob("*.json")}


def test_what_is_said_today_was_understood_by_the_last_release(previous: Path) -> None:
    assert read_by(previous, HERE) >= {path.stem for path in (previous / GOLDEN).glob("*.json")}


def read_by(reader: Path, writer: Path) -> set[str]:
    """The topics whose sample, as a tree has it, another tree's code reads."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(writer / GOLDEN)],
        cwd=reader,
        env={"PYTHONPATH": str(reader)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


READ = """
import importlib, pathlib, pkgutil, sys
import shared.messages
from shared.messages.message import Message

for module in pkgutil.iter_modules(shared.messages.__path__):
    importlib.import_module(f"shared.messages.{module.name}")
for message in Message.__subclasses__():
    sample = pathlib.Path(sys.argv[1]) / f"{message.topic}.json"
    if sample.exists():
        message.model_validate_json(sample.read_bytes())
        print(message.topic)
"""
