"""The plumbing needs the plumbing's tables only: three rooms will do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.local import rabbitmq
from services.local.postgres import Postgres
from tests.servers import Databases, fresh


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("ingest", "storage", "proof"))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the one RabbitMQ that these tests share."""
    folder: Path = tmp_path_factory.mktemp("rabbit")
    server = rabbitmq.start(folder)
    yield server.url
    rabbitmq.stop(folder)
