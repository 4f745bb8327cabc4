"""Fixtures of every suite: the private PostgreSQL and SeaweedFS of this process, and databases on the first."""

import gc
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

import httpx
import pytest
from httpx._transports import default as _default
from xdist.remote import Producer

from services.local import postgres, seaweedfs
from shared.rooms import ROOMS
from tests.contracts.object_stores import running_seaweedfs
from tests.independent.bouncycastle import BouncyCastle
from tests.lanes import LaneScheduling
from tests.registered_lines import held_to_the_register
from tests.servers import Databases, careless, fresh

SAMPLES = ("CHARTRIER_CORPUS", "CHARTRIER_OFFICIAL_XSD")

# What the operator (or `make`) has set is for the archive, never for its tests, but for where sample data lie.
for name in [name for name in os.environ if name.startswith("CHARTRIER_")]:  # noqa: TID251
    if name not in SAMPLES:
        del os.environ[name]  # noqa: TID251

# Every client that is opened would read the machine's hundred authorities anew: 30 ms of CPU, thousands of times.
_default.create_ssl_context = cache(httpx.create_ssl_context)  # type: ignore[attr-defined] # as it has it imported

# An image of Python often forbids it: rooms, which tests start by the hundred, would be compiled at every start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # noqa: TID251
sys.dont_write_bytecode = False


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LaneScheduling:
    """Side by side (`pytest -n 2`), tests keep to their lanes."""
    return LaneScheduling(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A case of bytes goes by its argument's name and its number: bytes made as tests are collected may hold the hour
    (gzip's do), and two processes of one run must give every test one name."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected, ten thousand tests and their modules, stays to the end: it is no garbage, and to go through
    it again and again would take a tenth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def register_of_acts() -> Iterator[None]:
    """No room writes a line in this process that the register of acts does not have."""
    with held_to_the_register():
        yield


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Postgres]:
    """One server for all the tests of this process, on a folder that goes with it."""
    folder: Path = tmp_path_factory.mktemp("postgres")
    server = postgres.start(folder)
    careless(server)
    yield server
    postgres.stop(folder)


@pytest.fixture(scope="module")
def databases(postgres_server: postgres.Postgres) -> Databases:
    """A database of the module's own with every room's schema."""
    return fresh(postgres_server, ROOMS)


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[seaweedfs.Site]:
    """One S3 store for all who want a bucket."""
    with running_seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as site:
        yield site


@pytest.fixture(scope="session")
def bouncycastle() -> Iterator[BouncyCastle]:
    """One Java for all records that are to be verified."""
    with closing(BouncyCastle()) as running:
        yield running
