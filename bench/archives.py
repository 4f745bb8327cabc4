"""The two ways of running the archive, each started in an empty folder of its own, and stopped with it."""

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx

import services
from chartrier_client.administration import (
    AgreementTerms,
    Mandate,
    create_agreement,
    create_client,
    create_establishment,
)
from chartrier_client.http import Client
from services.local import ports, processes, stack
from services.local.settings import room_environment
from shared.rooms import ROOMS

START_PATIENCE = 90.0


@dataclass(frozen=True, slots=True)
class Archive:
    """A running archive with one town in it, and who may deposit for that town."""

    mode: str
    home: Path
    base_url: str
    establishment: str
    agreement: str
    client_id: str
    client_secret: str


def running(mode: str, home: Path) -> AbstractContextManager[Archive]:
    """Start the archive in this way, with a town ready to deposit; it is stopped on leaving."""
    return {"all-in-one": _all_in_one, "full-stack": _full_stack}[mode](home)


@contextmanager
def _all_in_one(home: Path) -> Iterator[Archive]:
    (port,) = ports.free_ports(1)
    base_url = f"http://127.0.0.1:{port}"
    log = home / "all-in-one.log"
    environment = {
        **room_environment(),
        "PYTHONPATH": str(Path(services.__file__).parents[1]),
        "CHARTRIER_HOME": str(home),
        "CHARTRIER_PORT": str(port),
    }
    command = (sys.executable, "-m", "services", "all-in-one")
    mark = processes.spawn(processes.Launch(command, environment, home, home / "all-in-one.pid", log))
    try:
        wait = processes.Wait("The all-in-one", log, START_PATIENCE, mark)
        processes.wait_until(lambda: _is_ready(base_url, home), wait)
        yield _with_a_town("all-in-one", home, base_url)
    finally:
        processes.terminate(mark, grace=30.0)


@contextmanager
def _full_stack(home: Path) -> Iterator[Archive]:
    (port,) = ports.free_ports(1)
    try:
        started = stack.up(home, port)
        yield _with_a_town("full-stack", home, started.base_url)
    finally:
        stack.down(home)


def _is_ready(base_url: str, home: Path) -> bool:
    try:
        with httpx.Client(base_url=base_url, timeout=5.0, trust_env=False) as door:
            ready = all(door.get(f"/{room}/health/ready").is_success for room in ROOMS)
    except httpx.HTTPError:
        return False
    return ready and (home / "admin-client.json").exists()


def another_town(archive: Archive) -> Archive:
    """Found another town in a running archive."""
    return _with_a_town(archive.mode, archive.home, archive.base_url)


def _with_a_town(mode: str, home: Path, base_url: str) -> Archive:
    """Found a town as an administrator would: any deposit that is sound is accepted without a person."""
    known = json.loads((home / "admin-client.json").read_text(encoding="utf-8"))
    name = f"banc-{uuid4().hex[:10]}"
    with Client(base_url, known["client_id"], known["client_secret"]) as admin:
        establishment = create_establishment(admin, name, "Commune du banc d'essai")
        terms = AgreementTerms(
            establishment,
            f"accord-{name}",
            "Accord du banc d'essai",
            match_header="record",
            unknown_rules="warn",
            usages="lenient",
        )
        agreement = create_agreement(admin, terms)
        depositor = create_client(
            admin, f"logiciel de {name}", [Mandate(establishment, ("depositor", "reader", "producer"))]
        )
    return Archive(mode, home, base_url, establishment, agreement, depositor.client_id, depositor.client_secret)
