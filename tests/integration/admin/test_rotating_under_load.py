"""While keys rotate, no request of two rooms is refused, whichever of two admin processes gave its token."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from pydantic import SecretStr

from services.admin.api import routes
from services.admin.api.door import TokenDoor
from services.admin.domain.client import Grant
from services.admin.handlers import keys as handlers
from services.admin.handlers.clients import enter
from services.admin.profile_trial import Trials
from services.admin.sealing import Seal
from services.admin.signing import Signer
from services.local.postgres import Postgres
from services.proof.settings import ProofSettings
from services.proof.wiring import build as build_proof
from shared.identity.key_set import Ages
from shared.identity.rights import Role
from shared.identity.tokens import TokenVerifier
from shared.limits import Rate
from shared.messaging.local import LocalTransport
from shared.rates import Turnstile
from shared.room import Room, assemble, lay
from shared.settings import RoomSettings
from tests.builders.callers import BASE
from tests.integration.admin.house import SECRET
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration

LEAD = timedelta(seconds=1.5)
RELOAD_SECONDS = 0.1
AGES = Ages(refresh=1.2, fresh=0.2)
"""As in life, an unknown key is not asked for again at once: one that signed too early would be refused."""

ROTATIONS = 3
PATIENCE = 60


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("admin", "proof"))


def settings_of(databases: Databases, room: str) -> RoomSettings:
    return RoomSettings(database_url=SecretStr(databases.url(room)), internal_secret=SecretStr(SECRET), base_url=BASE)


def open_admin(databases: Databases) -> Room:
    foundation = lay("admin", settings_of(databases, "admin"), LocalTransport())
    signer = Signer(foundation.database, SECRET, reload_seconds=RELOAD_SECONDS)
    open_door = TokenDoor(Turnstile("admin", Rate(10_000, 10_000)), Turnstile("admin", Rate(10_000, 10_000)))
    return assemble(foundation, routes(foundation.database, signer, BASE, open_door, Trials(20, 4 * 1024**2)))


@dataclass
class Crowd:
    """Callers that ask for a token and use it in both rooms at once, for as long as they are left to."""

    admins: list[httpx.AsyncClient]
    rooms: dict[str, httpx.AsyncClient]
    credentials: dict[str, str]
    refused: list[tuple[str, int, str]] = field(default_factory=list)
    requests: int = 0
    signed_by: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    seen: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def call(self, admin: int) -> None:
        form = {"grant_type": "client_credentials", **self.credentials}
        while True:
            answer = await self.admins[admin].post("/admin/v1/token", data=form)
            token = answer.json()["access_token"]
            async with self.seen:
                self.signed_by[admin].add(str(jwt.get_unverified_header(token)["kid"]))
                self.seen.notify_all()
            for path, room in self.rooms.items():
                given = await room.get(path, headers={"Authorization": f"Bearer {token}"})
                self.requests += 1
                if given.status_code != 200:
                    self.refused.append((path, given.status_code, given.text))

    async def until_both_sign_with(self, kid: str) -> None:
        async with asyncio.timeout(PATIENCE), self.seen:
            await self.seen.wait_for(lambda: all(kid in self.signed_by[admin] for admin in (0, 1)))


@contextlib.asynccontextmanager
async def calling(crowd: Crowd) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as callers:
        tasks = [callers.create_task(crowd.call(admin)) for admin in (0, 1)]
        yield
        for task in tasks:
            task.cancel()


async def test_keys_rotate_three_times_and_nobody_is_refused(databases: Databases, tmp_path: Path) -> None:
    rooms = [
        open_admin(databases),
        open_admin(databases),
        build_proof(settings_of(databases, "proof"), ProofSettings(staging_url=tmp_path.as_uri()), LocalTransport()),
    ]
    async with contextlib.AsyncExitStack() as until_closed:
        doors = []
        for room in rooms:
            until_closed.push_async_callback(room.foundation.database.engine.dispose)
            until_closed.push_async_callback(room.foundation.calls.close)
            door = httpx.AsyncClient(transport=httpx.ASGITransport(room.app), base_url=BASE)
            doors.append(await until_closed.enter_async_context(door))
        asked = cycle(doors[:2])

        async def fetch_keys() -> dict[str, Any]:
            keys: dict[str, Any] = (await next(asked).get("/admin/v1/jwks.json")).json()
            return keys

        for room in rooms:
            room.app.state.verifier = TokenVerifier(BASE, SECRET, fetch_keys, ages=AGES)
        database = rooms[0].foundation.database
        crowd = Crowd(
            doors[:2],
            {"/admin/v1/establishments": doors[0], "/proof/v1/journals/senders": doors[2]},
            await an_auditor(rooms[0]),
        )

        (first,) = (await fetch_keys())["keys"]  # made by asking for it
        async with calling(crowd):
            await crowd.until_both_sign_with(first["kid"])
            for _ in range(ROTATIONS):
                async with database.begin() as tx:
                    rotation = await handlers.rotate(tx, "operator:test", Seal(SECRET), LEAD)
                await crowd.until_both_sign_with(rotation.kid)

        assert crowd.refused == []
        assert [len(kids) for kids in crowd.signed_by.values()] == [ROTATIONS + 1] * 2
        assert crowd.requests > 10 * ROTATIONS


async def an_auditor(admin: Room) -> dict[str, str]:
    async with admin.foundation.database.begin() as tx:
        made = await enter(tx, "operator:test", "Auditor", None, (Grant(None, (Role.AUDITOR,)),))
    return {"client_id": str(made.client_id), "client_secret": made.client_secret}
