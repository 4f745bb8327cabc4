"""Sessions with a real clamd: kept from file to file, replaced when it ends them, and never believed half-way."""

import select
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typing_extensions import override

from services.ingest.adapters.clamav import Clamd
from services.ingest.adapters.clamd_sessions import Session, Sessions
from services.ingest.domain.errors import ScannerUnavailable
from services.ingest.domain.limits import MIB
from tests.builders.clamd import EICAR, MALWARE, STREAM_MAX, ARunningClamd

pytestmark = pytest.mark.integration


class Counted(Sessions):
    """Sessions that remember every connection they opened, and how many were open at once."""

    def __init__(self, address: str, most: int = 4, idle_seconds: float = 3600.0) -> None:
        super().__init__(address, most, timeout=60.0, idle_seconds=idle_seconds)
        self.opened: list[Session] = []
        self.most_at_once = 0

    @override
    def _open(self) -> Session:
        session = super()._open()
        self.opened.append(session)
        at_once = sum(each._connection.fileno() != -1 for each in self.opened)  # noqa: SLF001 (counted on our side)
        self.most_at_once = max(self.most_at_once, at_once)
        return session


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ARunningClamd]:
    running = ARunningClamd(tmp_path_factory.mktemp("clamd"))
    yield running
    running.kill()


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ARunningClamd]:
    """One that ends a session which says nothing for a second: no test that counts sessions could be that quick."""
    running = ARunningClamd(tmp_path_factory.mktemp("impatient"), "ReadTimeout 1", "CommandReadTimeout 1")
    yield running
    running.kill()


@pytest.fixture(params=["path", "tcp"])
def sessions(clamd: ARunningClamd, request: pytest.FixtureRequest) -> Iterator[Counted]:
    kept = Counted(getattr(clamd, request.param))
    yield kept
    kept.close()


@pytest.fixture(params=["path", "tcp"])
def ended_sessions(impatient: ARunningClamd, request: pytest.FixtureRequest) -> Iterator[Counted]:
    kept = Counted(getattr(impatient, request.param))
    yield kept
    kept.close()


def test_one_session_serves_file_after_file_each_with_its_own_verdict(sessions: Counted) -> None:
    scanner = Clamd(sessions, STREAM_MAX)
    files = [EICAR if place in (3, 7) else bytes(place * 1000) for place in range(10)]

    found = [scanner.scan([file]).malware for file in files]

    assert [place for place, malware in enumerate(found) if malware is not None] == [3, 7]
    assert str(found[3]).startswith("Chartrier.Eicar")
    assert len(sessions.opened) == 1


def test_between_two_files_clamd_may_be_started_again(clamd: ARunningClamd, sessions: Counted) -> None:
    scanner = Clamd(sessions, STREAM_MAX)
    scanner.scan([b"clean"])

    clamd.restart()

    assert scanner.scan([MALWARE]).malware is not None
    assert len(sessions.opened) == 2


def test_a_file_is_sent_again_from_its_beginning_when_clamd_ends_a_session_under_it(
    clamd: ARunningClamd, sessions: Counted
) -> None:
    scanner = Clamd(sessions, STREAM_MAX)
    scanner.scan([b"clean"])

    def cut() -> Iterator[bytes]:
        yield MALWARE
        yield bytes(2 * MIB)
        clamd.restart()
        yield bytes(MIB)

    report = scanner.scan(cut())

    assert str(report.malware).startswith("Chartrier.Test"), "its beginning was seen by a clamd that is no more"
    assert report.examined == len(MALWARE) + 3 * MIB
    assert len(sessions.opened) == 2


@pytest.mark.parametrize("used_before", [True, False])
def test_a_clamd_that_dies_in_the_middle_of_a_file_says_nothing_of_it(
    clamd: ARunningClamd, sessions: Counted, *, used_before: bool
) -> None:
    scanner = Clamd(sessions, STREAM_MAX)
    if used_before:
        scanner.scan([b"clean"])

    def cut() -> Iterator[bytes]:
        yield bytes(MIB)
        clamd.kill()
        yield bytes(MIB)

    with pytest.raises(ScannerUnavailable):
        scanner.scan(cut())
    clamd.restart()
    assert scanner.scan([MALWARE]).malware is not None


def test_a_session_that_clamd_ended_for_its_silence_is_replaced(ended_sessions: Counted) -> None:
    scanner = Clamd(ended_sessions, STREAM_MAX)
    scanner.scan([b"clean"])

    until_ended(ended_sessions.opened[0])

    assert scanner.scan([MALWARE]).malware is not None
    assert len(ended_sessions.opened) == 2


def test_one_that_it_ends_while_a_file_is_awaited_is_no_verdict_on_the_file(ended_sessions: Counted) -> None:
    scanner = Clamd(ended_sessions, STREAM_MAX)
    scanner.scan([b"clean"])

    def slowly() -> Iterator[bytes]:
        yield b"clean, so far; "
        until_ended(ended_sessions.opened[0])
        yield MALWARE

    assert scanner.scan(slowly()).malware is not None
    assert len(ended_sessions.opened) == 2


def test_a_file_whose_reading_fails_leaves_no_half_of_it_to_the_next(sessions: Counted) -> None:
    scanner = Clamd(sessions, STREAM_MAX)

    def damaged() -> Iterator[bytes]:
        yield MALWARE
        raise ValueError("damaged bytes")

    with pytest.raises(ValueError, match="damaged"):
        scanner.scan(damaged())

    assert scanner.scan([b"clean"]).malware is None
    assert len(sessions.opened) == 2


def test_a_file_that_clamd_finds_too_long_costs_its_session_and_is_not_sent_twice(sessions: Counted) -> None:
    scanner = Clamd(sessions, 10 * STREAM_MAX)
    scanner.scan([b"clean"])
    sent = iter([bytes(MIB)] * 20)

    with pytest.raises(ScannerUnavailable):
        scanner.scan(sent)

    assert scanner.scan([MALWARE]).malware is not None
    assert len(sessions.opened) <= 3, "where a reset swallows what clamd said, one more attempt is made"


def test_many_files_at_once_share_few_sessions(clamd: ARunningClamd) -> None:
    sessions = Counted(clamd.path, most=3)
    together = threading.Barrier(8, timeout=60)

    def scanned(place: int) -> bool:
        together.wait()
        return Clamd(sessions).scan([bytes(5000), EICAR if place % 5 == 0 else b"clean"]).malware is not None

    with ThreadPoolExecutor(8) as executor:
        found = list(executor.map(scanned, range(80)))

    assert found == [place % 5 == 0 for place in range(80)]
    assert sessions.most_at_once <= 3
    assert len(sessions.opened) <= 3
    sessions.close()


def test_a_session_that_rested_too_long_is_not_used_again(clamd: ARunningClamd) -> None:
    sessions = Counted(clamd.path, idle_seconds=0.0)

    Clamd(sessions).scan([b"clean"])
    Clamd(sessions).scan([b"clean"])

    assert len(sessions.opened) == 2
    assert sessions.most_at_once <= 2
    sessions.close()


def test_new_signatures_serve_sessions_that_are_open(tmp_path: Path) -> None:
    clamd = ARunningClamd(tmp_path)
    sessions = Counted(clamd.path)
    scanner, new = Clamd(sessions), b"what nobody knew to be malware yesterday"
    assert scanner.scan([new]).malware is None
    (clamd.signatures / "new.ndb").write_text(f"Chartrier.New:0:*:{new.hex()}\n")

    reload(sessions)

    # It loads them beside its work, and does not say when it is done.
    while scanner.scan([new]).malware is None:
        pass
    assert len(sessions.opened) == 1
    sessions.close()
    clamd.kill()


def reload(sessions: Sessions) -> None:
    # No command of a session.
    with sessions._connect() as connection:  # noqa: SLF001
        connection.sendall(b"zRELOAD\0")
        assert connection.recv(100) == b"RELOADING\0"


def until_ended(session: Session) -> None:
    """Wait until clamd has ended a session: there is something to be read of it."""
    assert select.select([session._connection], [], [], 60.0)[0]  # noqa: SLF001
