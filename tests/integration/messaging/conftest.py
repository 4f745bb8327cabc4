"""The plumbing needs the plumbing's tables only: three rooms will do."""

import pytest

from services.local.postgres import Postgres
from tests.servers import Databases, fresh


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("ingest", "storage", "proof"))
