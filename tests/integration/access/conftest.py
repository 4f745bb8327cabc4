"""Access and data management as they are, on one port, before a shelf of AIPs."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select
from starlette.types import ASGIApp, Receive, Scope, Send

from services.access import wiring as access_wiring
from services.access.settings import AccessSettings
from services.data_management import wiring as data_management_wiring
from services.data_management.handlers import CATALOGUE, take_aips
from services.data_management.settings import DataManagementSettings
from services.data_management.worker import Cataloguer
from services.local.ports import free_ports
from services.local.postgres import Postgres
from shared.database.plumbing import outbox
from shared.identity.rights import Role
from shared.messaging.local import LocalTransport
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import lease
from shared.room import Room, running
from shared.settings import RoomSettings
from tests.builders.aip_shelf import AipShelf, listening
from tests.builders.callers import SECRET, a_token, a_verifier
from tests.builders.catalogues import Catalogue
from tests.servers import Databases, fresh


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("data_management", "access"))


@dataclass
class House:
    """The rooms at work."""

    url: str
    access: Room
    catalogue: RoomDatabase
    shelf: AipShelf
    opened: AsyncExitStack = field(default_factory=AsyncExitStack)

    def seen_by(self, role: Role, *establishments: UUID, subject: str = "tests") -> httpx.AsyncClient:
        token = a_token(role, *establishments, subject=subject)
        return httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {token}"})

    async def keep(self, catalogue: Catalogue, aip: bytes) -> None:
        """Put an AIP on the shelf and its units in the catalogue."""
        self.shelf.aips[str(catalogue.message.aip_id)] = aip
        async with self.catalogue.begin() as tx:
            await take_aips(tx, [catalogue.message])
        (held,) = await lease(self.catalogue, [CATALOGUE], 1)
        await Cataloguer(self.catalogue, catalogue.fetch()).catalogue(held)

    async def lines_about(self, subject: str) -> list[dict[str, Any]]:
        """Return the journal lines that access said of a subject, in order."""
        asked = select(outbox.c.body).where(outbox.c.topic == "journal.lines.v1").order_by(outbox.c.message_id)
        async with self.access.foundation.database.engine.connect() as connection:
            bodies = (await connection.scalars(asked)).all()
        lines = [line for body in bodies for line in json.loads(body)["lines"]]
        return [line for line in lines if line["object"] == subject]


@pytest.fixture
async def house(databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setenv("CHARTRIER_STAGING_URL", (tmp_path / "staging").as_uri())
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    shelf = AipShelf()
    catalogue = data_management_wiring.build(
        _settings(databases, "data_management", url), DataManagementSettings(), LocalTransport()
    )
    access = access_wiring.build(_settings(databases, "access", url), AccessSettings(), LocalTransport())
    for room in (catalogue, access):
        room.app.state.verifier = a_verifier()
    await access.app.state.access.staging.prepare()
    apps = {"data_management": catalogue.app, "access": access.app, "storage": shelf.app}
    async with listening(_by_room(apps), port):
        yield House(url, access, catalogue.foundation.database, shelf)
    for room in (catalogue, access):
        for close in room.close:
            await close()
        await room.foundation.calls.close()
        await room.foundation.database.engine.dispose()


def _settings(databases: Databases, room: str, url: str) -> RoomSettings:
    return RoomSettings(database_url=SecretStr(databases.url(room)), internal_secret=SecretStr(SECRET), base_url=url)


def _by_room(apps: dict[str, Any]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await apps[scope["path"].split("/")[1]](scope, receive, send)

    return app


@pytest.fixture
async def working(house: House) -> AsyncIterator[Callable[[str], Any]]:
    """Run access's relay, consumer and workers; wait for a DIP to leave its first state."""
    async with running(house.access) as opening:
        await opening

        async def built(dip_id: str) -> dict[str, Any]:
            async with house.seen_by(Role.ARCHIVIST) as archivist:
                while True:
                    dip: dict[str, Any] = (await archivist.get(f"/access/v1/dips/{dip_id}")).json()
                    if dip["state"] != "ordered":
                        return dip
                    await asyncio.sleep(0.02)

        yield built
