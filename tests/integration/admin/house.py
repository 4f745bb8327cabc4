"""Admin as tests see it: the room opened on a database, and callers with the mandates a test gives them."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from pydantic import SecretStr
from sqlalchemy import select

from services.admin.settings import AdminSettings
from services.admin.wiring import build
from shared.database.plumbing import outbox
from shared.identity.rights import Role
from shared.identity.tokens import TokenVerifier
from shared.messages.journal import JournalLinesV1, JournalLineV1
from shared.messaging.local import LocalTransport
from shared.messaging.transaction import RoomDatabase
from shared.room import Room
from shared.settings import RoomSettings
from tests.builders.callers import BASE, a_token, published_key
from tests.servers import Databases

SECRET = "admin-tests-" + "s" * 32


@dataclass
class House:
    """Admin as tests see it."""

    room: Room
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def database(self) -> RoomDatabase:
        return self.room.foundation.database

    def caller(self, token: str | None) -> httpx.AsyncClient:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(self.room.app)
        client = httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers)
        self.clients.append(client)
        return client

    @property
    def everybody(self) -> httpx.AsyncClient:
        return self.caller(None)

    @property
    def root(self) -> httpx.AsyncClient:
        """An administrator of all establishments."""
        return self.caller(a_token(Role.ADMINISTRATOR))

    async def establishment(self, identifier: str | None = None, **fields: str) -> dict[str, Any]:
        body = {"identifier": identifier or f"COMMUNE-{uuid4()}"[:20], "name": "Valombreuse", **fields}
        answer = await self.root.post("/admin/v1/establishments", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def agreement(self, establishment: str, identifier: str | None = None, **terms: object) -> dict[str, Any]:
        body = {
            "establishment": establishment,
            "identifier": identifier or f"ACCORD-{uuid4()}"[:20],
            "name": "Accord",
            **terms,
        }
        answer = await self.root.post("/admin/v1/agreements", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def credentials(self, *mandates: tuple[str, list[str]], **fields: str) -> dict[str, str]:
        body = {
            "name": "Logiciel",
            "mandates": [{"establishment": town, "roles": roles} for town, roles in mandates],
            **fields,
        }
        answer = await self.root.post("/admin/v1/clients", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, str] = answer.json()
        return made

    async def client(self, *mandates: tuple[str, list[str]]) -> httpx.AsyncClient:
        """A client with these mandates, its token in hand."""
        made = await self.credentials(*mandates)
        answer = await self.ask_token(made)
        return self.caller(answer.json()["access_token"])

    async def ask_token(self, credentials: dict[str, str]) -> httpx.Response:
        form = {"grant_type": "client_credentials", **credentials}
        return await self.everybody.post("/admin/v1/token", data=form)

    async def told(self, topic: str) -> list[bytes]:
        async with self.database.engine.connect() as connection:
            query = select(outbox.c.body).where(outbox.c.topic == topic).order_by(outbox.c.message_id)
            return list(await connection.scalars(query))

    async def lines(self) -> list[JournalLineV1]:
        batches = [JournalLinesV1.model_validate_json(body) for body in await self.told(JournalLinesV1.topic)]
        return [line for batch in batches for line in batch.lines]

    async def close(self) -> None:
        await asyncio.gather(*(client.aclose() for client in self.clients))
        for close in self.room.close:
            await close()
        await self.room.foundation.calls.close()
        await self.database.engine.dispose()


async def open_house(databases: Databases, own: AdminSettings | None = None) -> House:
    """Open admin, its own keys at hand for its own guard."""
    settings = RoomSettings(
        database_url=SecretStr(databases.url("admin")), internal_secret=SecretStr(SECRET), base_url=BASE
    )
    room = build(settings, own or AdminSettings(), LocalTransport())
    house = House(room)

    async def keys() -> dict[str, Any]:
        published: dict[str, Any] = (await house.everybody.get("/admin/v1/jwks.json")).json()
        of_tests = await published_key()
        return {"keys": [*published["keys"], *of_tests["keys"]]}

    room.app.state.verifier = TokenVerifier(BASE, SECRET, keys)
    return house
