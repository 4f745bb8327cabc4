"""A cardboard archive for each test that asks."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from chartrier_client import Client
from tests.unit.client.archive_double import ArchiveDouble
from tests.unit.client.proof_files import Desk
from tests.unit.client.upload_double import UploadDouble


@pytest.fixture
def archive() -> Iterator[ArchiveDouble]:
    double = ArchiveDouble()
    thread = Thread(target=double.serve)
    thread.start()
    yield double
    double.close()
    thread.join()


@pytest.fixture
def pauses() -> list[float]:
    """The pauses a client would have made: it makes none in tests."""
    return []


@pytest.fixture
def client(archive: ArchiveDouble, pauses: list[float]) -> Iterator[Client]:
    with Client(archive.url, "the-client", "its-secret", pause=pauses.append) as client:
        yield client


@pytest.fixture
def uploads() -> Iterator[UploadDouble]:
    """The one place where tests of uploads get their archive from."""
    double = UploadDouble()
    thread = Thread(target=double.serve)
    thread.start()
    yield double
    double.close()
    thread.join()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Where somebody verifies proofs."""
    return Desk(tmp_path)
