"""The plumbing needs the plumbing's tables only: three rooms will do; and one broker for all."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from services.local import rabbitmq
from services.local.postgres import Postgres
from shared.messages.access import DipOrderedV1
from shared.messaging.local import LocalTransport
from shared.messaging.rabbitmq import RabbitTransport
from shared.messaging.transport import Transport
from tests.servers import Databases, fresh


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("ingest", "storage", "proof"))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("rabbit")
    server = rabbitmq.start(folder)
    yield server.url
    rabbitmq.kill(folder)


@pytest.fixture
def queues() -> tuple[str, str]:
    """Names of two queues that no other test has used."""
    return f"proof.test_{uuid4().hex[:8]}", f"proof.test_{uuid4().hex[:8]}"


@pytest.fixture
def routes(queues: tuple[str, str]) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(queues, (DipOrderedV1.topic,))


@pytest.fixture(params=["local", "rabbitmq"])
def open_transport(request: pytest.FixtureRequest, routes: dict[str, tuple[str, ...]]) -> Callable[[], Transport]:
    if request.param == "local":
        return LocalTransport
    url = request.getfixturevalue("broker")
    return lambda: RabbitTransport(url, "test", routes)
