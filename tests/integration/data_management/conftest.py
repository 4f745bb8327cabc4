"""The database of data management, fresh for each module; AIPs catalogued as its worker does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from services.data_management.handlers import CATALOGUE, take_aips
from services.data_management.settings import DataManagementSettings
from services.data_management.wiring import build
from services.data_management.worker import Cataloguer
from services.local.postgres import Postgres
from shared.identity.rights import Role
from shared.messaging.local import LocalTransport
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import lease
from shared.settings import RoomSettings
from tests.builders.callers import BASE, SECRET, a_token, a_verifier
from tests.builders.catalogues import Catalogue
from tests.servers import Databases, fresh

Load = Callable[[Catalogue], Awaitable[None]]
As = Callable[..., httpx.AsyncClient]


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("data_management",))


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[RoomDatabase]:
    room = databases.room("data_management")
    yield room
    await room.engine.dispose()


@pytest.fixture
def load(database: RoomDatabase) -> Load:
    async def catalogued(catalogue: Catalogue) -> None:
        async with database.begin() as tx:
            await take_aips(tx, [catalogue.message])
        (held,) = await lease(database, [CATALOGUE], 1)
        await Cataloguer(database, catalogue.fetch()).catalogue(held)

    return catalogued


@pytest.fixture
async def seen_by(databases: Databases) -> AsyncIterator[As]:
    settings = RoomSettings(
        database_url=SecretStr(databases.url("data_management")),
        internal_secret=SecretStr(SECRET),
        base_url=BASE,
    )
    room = build(settings, DataManagementSettings(), LocalTransport())
    room.app.state.verifier = a_verifier()
    opened: list[httpx.AsyncClient] = []

    def client(role: Role, *establishments: UUID) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {a_token(role, *establishments)}"}
        transport = httpx.ASGITransport(room.app)
        opened.append(httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers))
        return opened[-1]

    yield client
    for one in opened:
        await one.aclose()
    for close in room.close:
        await close()
    await room.foundation.calls.close()
    await room.foundation.database.engine.dispose()
