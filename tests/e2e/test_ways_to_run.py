"""The all-in-one as its operator lives with it: stopped, killed, started twice, short of a part, looked at."""

import json
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

import services
from services.local import ports, postgres, processes
from services.local.settings import room_environment
from tests.e2e.conftest import AllInOne
from tests.e2e.traces import eventually, journal_lines, staged_for, stored_aips
from trials.towns import Archive, a_package, a_town, until_state

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ROOMS = ("access", "admin", "data_management", "ingest", "proof", "storage")


def command(home: Path, port: int) -> tuple[tuple[str, ...], dict[str, str]]:
    """How a person starts it, and the environment they start it in."""
    root = str(Path(services.__file__).parents[1])
    told = {"PYTHONPATH": root, "CHARTRIER_HOME": str(home), "CHARTRIER_PORT": str(port)}
    return (sys.executable, "-m", "services", "all-in-one"), {**room_environment(), **told}


def start(home: Path, port: int) -> subprocess.Popen[str]:
    line, environment = command(home, port)
    return subprocess.Popen(
        line, env=environment, cwd=home, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def processes_of(home: Path) -> list[str]:
    """Every living process that has to do with a folder: by its command, its environment or where it stands."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.environ().get("CHARTRIER_HOME", ""), process.cwd()]
            if process.status() != psutil.STATUS_ZOMBIE and any(str(home) in word for word in words):
                found.append(" ".join(process.cmdline()) or process.name())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.fixture(scope="module")
def home_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    """An all-in-one of these tests' own; whatever is left of it is ended afterwards."""
    home = tmp_path_factory.mktemp("own")
    mine = AllInOne(home)
    # What was in hand when it stopped is taken up after that long: by default 30 s, which no test should wait for.
    mine.told = {"CHARTRIER_LEASE_SECONDS": "4"}
    yield mine
    mine.stop()
    postgres.stop(home / "all-in-one" / "postgres")


@pytest.fixture
def own(home_of_its_own: AllInOne) -> AllInOne:
    """The same, running, whatever the test before did to it."""
    if not processes.is_alive(home_of_its_own.mark):
        home_of_its_own.start()
    return home_of_its_own


def test_killed_and_started_again_everything_is_in_place(own: AllInOne, tmp_path: Path) -> None:
    archive = own.archive
    town = a_town(archive)
    packages = [a_package(tmp_path / f"{number}.zip", size=200_000) for number in range(8)]
    with town.client() as client:
        before = client.wait(client.deposit(packages[0], town.agreement), 60)
        [unit] = [unit for unit in client.search(transfer=before.id) if unit.objects]
        client.download(unit.objects[0].id, tmp_path / "before")
        with ThreadPoolExecutor(4) as pool:
            interrupted = list(pool.map(lambda package: client.deposit(package, town.agreement), packages[1:]))
        until_state(client, interrupted[0], "storing", "cataloguing", "recording", "accepted")
        # Some are done, some in hand, some not begun.
        own.kill()
    credentials = archive.admin_file.read_bytes()

    own.start()

    assert archive.admin_file.read_bytes() == credentials
    with town.client() as client:
        after = [client.wait(transfer, 120) for transfer in (before.id, *interrupted)]
        assert {transfer.state for transfer in after} == {"accepted"}
        client.download(unit.objects[0].id, tmp_path / "after")
        for transfer, package in zip(after, packages, strict=True):
            assert client.deposit(package, town.agreement) == transfer.id
            assert len(list(client.search(transfer=transfer.id))) == 2
    assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()
    aips = sorted(f"{site} {transfer.aip_id}-v1.tar" for transfer in after for site in "ab")
    assert stored_aips(archive, town.establishment) == aips
    lines = journal_lines(archive, town.establishment)
    for action in ("transfer.received", "transfer.accepted"):
        told = sorted(line["transfer"] for line in lines if line["action"] == action)
        assert told == sorted(transfer.id for transfer in after)
    assert eventually(lambda: not any(staged_for(archive, transfer.id) for transfer in after))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_leaves_in_good_order_and_leaves_nobody_behind(
    own: AllInOne, tmp_path: Path, number: signal.Signals
) -> None:
    assert own.mark is not None
    leader, log = psutil.Process(own.mark.pid), own.home / "all-in-one.log"
    assert len(processes_of(own.home)) > 3
    before = log.stat().st_size
    town = a_town(own.archive)
    with town.client() as client:
        transfer = client.deposit(a_package(tmp_path / "sip.zip"), town.agreement)

    leader.send_signal(number)

    assert leader.wait(40) == 0
    assert b"Traceback" not in log.read_bytes()[before:]
    assert eventually(lambda: processes_of(own.home) == []), processes_of(own.home)
    own.start()
    with town.client() as client:
        assert client.wait(transfer, 60).state == "accepted"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_it_starts_it_leaves_nobody_behind(own: AllInOne, number: signal.Signals) -> None:
    own.stop()
    running = start(own.home, own.port)
    assert eventually(lambda: postgres.is_running(own.home / "all-in-one" / "postgres"))

    running.send_signal(number)
    said, _ = running.communicate(timeout=40)

    assert "Traceback" not in said
    assert running.returncode == 0
    assert eventually(lambda: processes_of(own.home) == []), processes_of(own.home)


def test_a_second_start_says_plainly_why_it_cannot_be(all_in_one: AllInOne, tmp_path: Path) -> None:
    (free,) = ports.free_ports(1)
    other = tmp_path / "other"
    other.mkdir()
    for home, port, words in (
        (other, all_in_one.port, f"Port {all_in_one.port} is taken"),
        (all_in_one.home, free, f"{all_in_one.home} is open"),
    ):
        second = start(home, port)
        said, _ = second.communicate(timeout=20)
        assert second.returncode == 1
        assert words in said
        assert len(said.splitlines()) == 1
    assert all_in_one.is_ready()


def test_no_secret_is_known_beforehand_or_open_to_others(all_in_one: AllInOne, own: AllInOne) -> None:
    known = [json.loads(one.archive.admin_file.read_text(encoding="utf-8")) for one in (all_in_one, own)]

    assert known[0].keys() == {"base_url", "client_id", "client_secret"}
    assert known[1]["base_url"] == own.base_url
    assert known[0]["client_id"] != known[1]["client_id"]
    assert known[0]["client_secret"] != known[1]["client_secret"]
    assert all(len(one["client_secret"]) >= 32 for one in known)
    for file in ("admin-client.json", "all-in-one/admin-client.json", "all-in-one/internal-secret"):
        assert stat.S_IMODE((own.home / file).stat().st_mode) == 0o600
    assert stat.S_IMODE((own.home / "all-in-one").stat().st_mode) == 0o700
    assert known[1]["client_secret"] not in (own.home / "all-in-one.log").read_text(encoding="utf-8")


def test_the_doors_are_on_loopback_only(all_in_one: AllInOne) -> None:
    assert all_in_one.mark is not None
    leader = psutil.Process(all_in_one.mark.pid)
    listening = [
        connection.laddr.ip
        for process in (leader, *leader.children(recursive=True))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


def readiness(archive: Archive) -> dict[str, tuple[int, dict[str, str]]]:
    """What each room says of its readiness: status, and the state of what it depends on."""
    with archive.http(None) as http:
        answers = {room: http.get(f"/{room}/health/ready") for room in ROOMS}
    return {room: (answer.status_code, answer.json()["checks"]) for room, answer in answers.items()}


def test_every_room_lives_and_is_ready(archive: Archive) -> None:
    with archive.http(None) as http:
        for room in ROOMS:
            assert http.get(f"/{room}/health/live").json() == {"status": "live"}
    for status, checks in readiness(archive).values():
        assert status == 200
        assert {"database", "broker"} <= checks.keys()
        assert set(checks.values()) == {"ok"}


def test_a_part_that_is_away_is_named_and_its_return_noticed(own: AllInOne, tmp_path: Path) -> None:
    archive, state = own.archive, own.home / "all-in-one"
    town = a_town(archive)
    # Storage goes on giving bytes from one site as long as there is one.
    for parts, folders, rooms in (
        ({"staging"}, ("staging",), {"ingest", "access"}),
        ({"a_site", "site:site-a", "site:site-b"}, ("site-a", "site-b"), {"storage"}),
    ):
        for folder in folders:
            (state / folder).rename(state / f"{folder}-away")
        unready = {room: checks for room, (status, checks) in readiness(archive).items() if status == 503}
        assert rooms <= unready.keys(), parts
        for room in rooms:
            assert {name for name, answer in unready[room].items() if answer != "ok"} == parts
        assert str(state) not in json.dumps(unready)
        for folder in folders:
            (state / f"{folder}-away").rename(state / folder)
        assert {status for status, _ in readiness(archive).values()} == {200}

    postgres.kill(state / "postgres")
    for status, checks in readiness(archive).values():
        assert status == 503
        assert checks["database"] != "ok"
    with archive.http(None) as http:
        assert all(http.get(f"/{room}/health/live").status_code == 200 for room in ROOMS)
        away = http.post("/admin/v1/token", data={"grant_type": "client_credentials"}, auth=("x", "y"))
    assert (away.status_code, away.json()["code"]) == (503, "try_again")
    postgres.start(state / "postgres")

    assert eventually(own.is_ready)
    with town.client() as client:
        transfer = client.deposit(a_package(tmp_path / "sip.zip"), town.agreement)
        assert client.wait(transfer, 60).state == "accepted"


AN_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|[0-9a-f]{32,}")


def test_metrics_count_and_name_nobody(archive: Archive, tmp_path: Path) -> None:
    town = a_town(archive)
    with town.client() as client, town.http() as http:
        transfer = client.wait(client.deposit(a_package(tmp_path / "sip.zip"), town.agreement), 60)
        list(client.search("registre", transfer=transfer.id))
        http.get(f"/ingest/v1/transfers/{transfer.id}/{town.agreement_identifier}")
        http.get(f"/access/v1/{town.establishment}")
        metrics = {room: http.get(f"/{room}/metrics") for room in ROOMS}

    for room, answer in metrics.items():
        assert answer.headers["Content-Type"].startswith("text/plain")
        for name in ("http_requests_total", "http_request_seconds", "outbox_rows", "dead_letters"):
            assert f"chartrier_{name}{{" in answer.text or f"chartrier_{name}_bucket{{" in answer.text, (room, name)
        assert f'room="{room}"' in answer.text
        assert AN_ID.search(answer.text) is None, room
        for named in (town.agreement_identifier, town.agreement_identifier.removeprefix("accord-")):
            assert named not in answer.text
    assert 'route="/ingest/v1/transfers/{transfer_id}"' in metrics["ingest"].text
    assert 'route="unmatched",status="404"' in metrics["ingest"].text
