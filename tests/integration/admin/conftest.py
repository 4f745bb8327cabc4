"""The room admin on a database of the module's own, and callers with the mandates a test gives them."""

from collections.abc import AsyncIterator

import pytest

from services.admin.settings import AdminSettings
from services.local.postgres import Postgres
from tests.integration.admin.desk import LOOPBACK, Desk, a_desk
from tests.integration.admin.house import House, open_house
from tests.servers import Databases, fresh


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("admin",))


@pytest.fixture
async def house(databases: Databases) -> AsyncIterator[House]:
    opened = await open_house(databases)
    yield opened
    await opened.close()


@pytest.fixture
async def desk(databases: Databases) -> AsyncIterator[Desk]:
    """Admin where webhooks may go to loopback, in clear; no endpoints of other tests."""
    loopback = AdminSettings(webhook_http=True, webhook_networks=LOOPBACK)
    opened = await open_house(databases, loopback)
    made = await a_desk(opened, databases)
    yield made
    await made.names.close()
    await opened.close()
