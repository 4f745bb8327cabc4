"""Rooms die in the middle of deposits, on the full stack: every deposit is accepted exactly once all the same."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aio_pika.abc import AbstractIncomingMessage

from services.local.stack import Stack
from tests.e2e.moments import MOMENTS, Scene, have_workers, recording, writing
from tests.e2e.replays import consumers_of, tapped, until_handled
from trials.evidence import assert_accepted_once, assert_reconciled, states, until_all
from trials.levers import Levers, frozen, until
from trials.towns import Archive, a_package, a_town

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

WORKING = ("ingest", "storage", "data_management", "access")
"""The rooms that have long work."""

LEASE_SECONDS = "4"
"""What a dead worker held is taken up after that long: by default 30 s, which no test should wait for."""


@pytest.fixture(scope="module")
def levers(full_stack: Stack) -> Iterator[Levers]:
    """The full stack with short leases; as it was, afterwards."""
    hasty = {
        name: replace(room, environment={**room.environment, "CHARTRIER_LEASE_SECONDS": LEASE_SECONDS})
        for name, room in full_stack.rooms.items()
        if name in WORKING
    }
    yield _with_its_working_rooms_restarted(replace(full_stack, rooms={**full_stack.rooms, **hasty}))
    _with_its_working_rooms_restarted(full_stack)


def _with_its_working_rooms_restarted(stack: Stack) -> Levers:
    levers = Levers.of(stack)
    for name in WORKING:
        levers.room(name).kill()
    levers.make_whole()
    return levers


@pytest.fixture
def scene(levers: Levers, tmp_path: Path) -> Iterator[Scene]:
    """A new town on a stack that is whole, before and after."""
    archive = Archive("full-stack", levers.stack.base_url, levers.stack.home / "admin-client.json")
    yield Scene(levers, a_town(archive), tmp_path)
    levers.make_whole()


@pytest.mark.parametrize("room", MOMENTS)
def test_a_room_killed_in_the_middle_of_deposits_loses_and_repeats_nothing(scene: Scene, room: str) -> None:
    with MOMENTS[room](scene):
        scene.levers.kill(room)
    scene.levers.start(room)

    assert_reconciled(scene.town, scene.transfers)
    assert_accepted_once(scene.levers, scene.town, scene.transfers)
    for check in scene.after:
        check()


# They wait for a child process, a store, a lock of the database, the broker; the two others for another room.
@pytest.mark.parametrize("room", ["ingest", "storage", "proof", "admin"])
def test_a_room_told_to_stop_leaves_in_time_and_its_work_goes_on_after(scene: Scene, room: str) -> None:
    with MOMENTS[room](scene):
        assert scene.levers.terminate(room, patience=20) == 0
    scene.levers.start(room)

    assert_accepted_once(scene.levers, scene.town, scene.transfers)
    for check in scene.after:
        check()


def test_messages_repeated_backwards_change_nothing(scene: Scene) -> None:
    levers = scene.levers
    with tapped(levers) as tap:
        with recording(scene):
            said = tap.heard()
            assert {"sip.received.v1", "aip.built.v1", "aip.stored.v1"} <= {message.type for message in said}
            tap.say_again(said)
        assert_accepted_once(levers, scene.town, scene.transfers)

        before = memories(levers, scene)
        whole = [*said, *(message for message in tap.heard() if message.message_id not in ids_of(said))]
        tap.say_again(whole)
        tap.say_again(whole)
        # Whoever hears these last ones has heard the others before.
        anew = tap.say_again(whole, anew=True)
        until_handled(levers, anew, [message.type or "" for message in whole])

    assert_accepted_once(levers, scene.town, scene.transfers)
    assert memories(levers, scene) == before


def ids_of(messages: Sequence[AbstractIncomingMessage]) -> set[str | None]:
    return {message.message_id for message in messages}


def memories(levers: Levers, scene: Scene) -> list[Any]:
    """Everything written about a town's deposits that is written once; that somebody reads it is an event."""
    town = UUID(scene.town.establishment)
    journals = "SELECT name, number, sha512 FROM proof.journal WHERE establishment = $1 AND kind <> 'events'"
    return [
        levers.ask("SELECT * FROM ingest.transfer WHERE establishment = $1 ORDER BY id", town),
        levers.ask("SELECT * FROM storage.holding WHERE establishment = $1 ORDER BY id", town),
        levers.ask("SELECT * FROM data_management.aip WHERE establishment = $1 ORDER BY aip_id", town),
        levers.ask(f"{journals} ORDER BY name", town),
    ]


def test_a_worker_whose_lease_was_taken_over_records_nothing(scene: Scene, tmp_path: Path) -> None:
    levers, town = scene.levers, a_town(scene.town.archive, decision="archivist")
    have_workers(scene)
    asked = Scene(levers, town, tmp_path)
    [transfer] = asked.deposit(1)
    until_all(levers, asked.transfers, "awaiting_decision")
    log = levers.room("ingest").log_file.stat().st_size
    second = levers.beside("ingest", tmp_path / "second")
    with town.archive.administrator() as admin, ExitStack() as first_frozen:
        with frozen(*levers.workers()):
            admin.post(f"/ingest/v1/transfers/{transfer}/decision", {"decision": "accept"})
            # Its heart beats while it waits: by then the child has long had its order.
            beaten = "SELECT 1 FROM ingest.work WHERE key = $1 AND progressed_at > created_at"
            until(lambda: levers.ask(beaten, transfer))
            first_frozen.enter_context(frozen(levers.leader("ingest")))
        # Its child is awake: it builds the AIP, and nobody takes it from its hand.
        staging = levers.stack.folder / "staging"
        built = until(lambda: list(staging.glob(".scratch/work-*/aip.tar")))
        try:
            second.start()
            taken_over = "SELECT 1 FROM storage.holding WHERE facts->>'transfer_id' = $1"
            until(lambda: levers.ask(taken_over, transfer))
            [holding] = levers.ask("SELECT sha512 FROM storage.holding WHERE facts->>'transfer_id' = $1", transfer)
            until(lambda: hashlib.sha512(built[0].read_bytes()).hexdigest() == holding["sha512"])
            first_frozen.close()
            # By its heart, or when it comes to record what it did: whichever is first.
            until(lambda: levers.logged("ingest", "work let go", log) or levers.logged("ingest", "lease lost", log))
            assert_accepted_once(levers, town, asked.transfers)
        finally:
            second.stop()


def test_two_processes_of_a_room_share_the_work(scene: Scene, tmp_path: Path) -> None:
    levers = scene.levers
    others = [levers.beside(room, tmp_path / room) for room in ("ingest", "storage")]
    try:
        for other in others:
            other.launch()
        for other in others:
            other.wait_ready()
        for queue in ("ingest.check_sip", "storage.copy_aip"):
            until(partial(hears_twice, levers, queue))
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(scene.deposit, 5) for _ in range(4)]:
                done.result()
        assert len(scene.transfers) == 20
        assert_accepted_once(levers, scene.town, scene.transfers)
    finally:
        for other in others:
            other.stop()


def hears_twice(levers: Levers, queue: str) -> bool:
    return consumers_of(levers, queue) == 2


def test_nothing_is_accepted_while_a_site_is_down(scene: Scene) -> None:
    levers = scene.levers
    levers.stack.stop_site(1)
    under_way = scene.deposit(2)
    until_all(levers, under_way, "storing")
    tried = "SELECT 1 FROM storage.work WHERE kind = 'write' AND key LIKE '%/site-b' AND attempts > 1"
    until(lambda: len(levers.ask(tried)) == len(under_way))
    written = (
        "SELECT 1 FROM storage.copy JOIN storage.holding ON id = holding WHERE establishment = $1 AND site = $2 "
    )
    establishment = UUID(scene.town.establishment)
    verified = written + "AND kind = 'aip' AND copy.state = 'verified'"
    until(lambda: len(levers.ask(verified, establishment, "site-a")) == len(under_way))

    assert states(levers, under_way) == {"storing": len(under_way)}
    assert levers.ask(verified, establishment, "site-b") == []
    accepted = (
        "SELECT 1 FROM proof.line WHERE transfer_id = ANY($1::uuid[]) AND body LIKE '%transfer.accepted%'::bytea"
    )
    assert levers.ask(accepted, [UUID(transfer) for transfer in under_way]) == []

    levers.stack.start_site(1)
    assert_accepted_once(levers, scene.town, scene.transfers)


def test_a_broker_that_goes_and_comes_back_only_delays(scene: Scene) -> None:
    levers = scene.levers
    with writing(scene):
        levers.stack.stop_rabbitmq()
    # Deposits are taken in all the same: what they set going waits in the outbox.
    until(lambda: not levers.room("ingest").is_ready())
    under_way = scene.deposit()
    assert states(levers, under_way) == {"received": len(under_way)}
    levers.stack.start_rabbitmq()

    assert_accepted_once(levers, scene.town, scene.transfers)


def test_a_database_that_goes_and_comes_back_only_delays(scene: Scene) -> None:
    levers, archive = scene.levers, scene.town.archive
    log = levers.room("ingest").log_file.stat().st_size
    with tapped(levers) as tap, scene.town.http() as http, archive.http(archive.admin_token()) as admin:
        with writing(scene):
            levers.stack.stop_postgres()
        # Messages reach consumers that cannot handle them, and none of their attempts is spent.
        said = tap.heard()
        anew = tap.say_again(said, anew=True)
        until(lambda: levers.logged("ingest", "batch waits", log))
        package = a_package(scene.folder / "meanwhile.zip").read_bytes()
        answers = [
            http.post("/ingest/v1/transfers", params={"agreement": scene.town.agreement}, content=package),
            http.get(f"/ingest/v1/transfers/{scene.transfers[0]}"),
            http.get("/access/v1/units", params={"q": "registre"}),
            http.get(f"/access/v1/objects/{uuid4()}/content"),
            http.get(f"/storage/v1/aips/{uuid4()}/copies"),
            admin.get("/proof/v1/journals"),
            admin.get("/admin/v1/establishments"),
            admin.post("/admin/v1/token", data={"grant_type": "client_credentials"}, auth=("x", "y")),
        ]
        ready = {room: http.get(f"/{room}/health/ready").status_code for room in MOMENTS}
        live = {room: http.get(f"/{room}/health/live").status_code for room in MOMENTS}
        levers.stack.start_postgres()
        until_handled(levers, anew, [message.type or "" for message in said])
        again = http.post("/ingest/v1/transfers", params={"agreement": scene.town.agreement}, content=package)

    told = [
        (answer.status_code, answer.headers["content-type"], "retry-after" in answer.headers) for answer in answers
    ]
    assert told == [(503, "application/problem+json", True)] * len(answers)
    assert ready == dict.fromkeys(MOMENTS, 503)
    assert live == dict.fromkeys(MOMENTS, 200)
    assert again.status_code == 202
    assert_accepted_once(levers, scene.town, [*scene.transfers, again.json()["id"]])
