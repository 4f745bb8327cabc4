"""A cardboard archive for each test that asks."""

from collections.abc import Iterator
from threading import Thread

import pytest

from chartrier_client import Client
from tests.unit.client.archive_double import ArchiveDouble


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
