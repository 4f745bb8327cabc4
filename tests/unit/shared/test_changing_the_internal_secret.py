"""The secret between rooms is changed in three steps; in each, a room already told speaks with one that was not."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import SecretStr

from services.local.ports import free_ports
from shared.calls import RoomCalls, RoomUnavailable
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.local import LocalTransport
from shared.room import assemble, lay
from shared.settings import RoomSettings
from tests.unit.shared.conftest import Serve

OLD, NEW = "the old secret of the rooms " + "o" * 32, "the new secret of the rooms " + "n" * 32

BEFORE = (OLD,)
ACCEPTED = (OLD, NEW)
SWAPPED = (NEW, OLD)
AFTER = (NEW,)
"""What a room is told: the secret it signs with, then those it accepts beside."""


@dataclass
class Pair:
    """Two rooms that ask each other who they are, each in its own name."""

    calls: dict[str, RoomCalls]

    async def greet(self) -> dict[str, str]:
        return {
            asking: await self.calls[asking].get_json(asked, f"/{asked}/v1/whoami")
            for asking, asked in (("access", "storage"), ("storage", "access"))
        }


def told(secrets: tuple[str, ...], origins: dict[str, str]) -> RoomSettings:
    first, *also = map(SecretStr, secrets)
    return RoomSettings(
        database_url=SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/nothing"),
        internal_secret=first,
        internal_secrets_also=tuple(also),
        room_urls=origins,
    )


def whoami(room: str) -> APIRouter:
    router = APIRouter(prefix=f"/{room}/v1")

    @router.get("/whoami")
    async def say(caller: Annotated[Caller, requires(Permission.SELF)]) -> str:
        return caller.subject

    return router


@asynccontextmanager
async def a_pair(serve: Serve, access: tuple[str, ...], storage: tuple[str, ...]) -> AsyncIterator[Pair]:
    nowhere = {"admin": f"http://127.0.0.1:{free_ports(1)[0]}"}
    calls, origins = {}, {}
    async with AsyncExitStack() as until_closed:
        for room, secrets in (("access", access), ("storage", storage)):
            foundation = lay(room, told(secrets, nowhere), LocalTransport())
            until_closed.push_async_callback(foundation.calls.close)
            app: FastAPI = assemble(foundation, whoami(room)).app
            origins[room] = await until_closed.enter_async_context(serve(app))
        for room, secrets in (("access", access), ("storage", storage)):
            calls[room] = RoomCalls(told(secrets, origins), room)
            until_closed.push_async_callback(calls[room].close)
        yield Pair(calls)


@pytest.mark.parametrize(
    ("access", "storage"),
    [(ACCEPTED, BEFORE), (SWAPPED, ACCEPTED), (AFTER, SWAPPED)],
    ids=["the new one is accepted", "the two are swapped", "the old one is dropped"],
)
async def test_in_each_step_rooms_already_told_and_not_yet_told_believe_each_other(
    serve: Serve, access: tuple[str, ...], storage: tuple[str, ...]
) -> None:
    for pair in ((access, storage), (storage, access), (access, access)):
        async with a_pair(serve, *pair) as rooms:
            assert await rooms.greet() == {"access": "room:access", "storage": "room:storage"}


@pytest.mark.parametrize(("access", "storage"), [(AFTER, BEFORE), (SWAPPED, BEFORE), (AFTER, ACCEPTED)])
async def test_a_step_left_out_is_felt(serve: Serve, access: tuple[str, ...], storage: tuple[str, ...]) -> None:
    async with a_pair(serve, access, storage) as rooms:
        with pytest.raises(RoomUnavailable, match="401"):
            await rooms.greet()
