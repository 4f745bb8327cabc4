"""What a test does with uploads: a desk to hand bytes in at, by tus over HTTP, with the work behind it going on."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import httpx
from fastapi import APIRouter, FastAPI

from services.ingest.api import router as transfers_router
from services.ingest.parts import Ingest
from services.ingest.uploads import queries
from services.ingest.uploads.api import router
from services.ingest.uploads.assembling import enter_upload
from services.ingest.uploads.forgetting import FORGET_PIECES, forget_pieces
from services.ingest.uploads.queries import Upload, UploadPiece
from services.ingest.uploads.receiving import ASSEMBLE
from shared.identity.rights import Role
from shared.limits import USUAL, Limits
from shared.messages.admin import AgreementV1
from shared.messaging.workers import WorkLoop
from shared.object_store.port import ObjectStore
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.integration.ingest.bench import Bench

PLACE = "/ingest/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


async def nothing() -> None: ...


def metadata(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


def an_app(ingest: Ingest, limits: Limits = USUAL) -> FastAPI:
    routes = APIRouter()
    for each in (transfers_router, router):
        routes.include_router(each)
    app = room_app("ingest", routes, a_verifier(), Readiness("ingest"), nothing, limits)
    app.state.ingest = ingest
    return app


@dataclass(frozen=True)
class Desk:
    """A client of one town, and what it sees."""

    bench: Bench
    agreement: AgreementV1
    http: httpx.AsyncClient

    async def begin(self, length: int, **described: str) -> str:
        """Begin an upload and return where it is."""
        told = metadata(**{"agreement": str(self.agreement.id), **described})
        headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": told}
        answer = await self.http.post(PLACE, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    async def append(
        self,
        place: str,
        offset: int,
        content: Any,  # noqa: ANN401 (whatever httpx sends)
        **headers: str,
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.patch(place, content=content, headers={**BYTES, "Upload-Offset": str(offset), **named})

    async def offset(self, place: str) -> int:
        answer = await self.http.head(place, headers=TUS)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])

    async def shown(self, place: str) -> dict[str, Any]:
        answer = await self.http.get(place)
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    async def until(self, place: str, state: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while (view := await self.shown(place))["state"] != state:
                await asyncio.sleep(0.02)
        return view

    async def row(self, place: str) -> Upload:
        async with self.bench.database.reading() as connection:
            found = await queries.find(connection, upload_id(place))
        assert found is not None
        return found

    async def pieces(self, place: str) -> list[UploadPiece]:
        async with self.bench.database.reading() as connection:
            return await queries.pieces(connection, upload_id(place))

    async def transfer_bytes(self, place: str) -> bytes:
        """Return what lies in staging of the transfer that came of an upload."""
        transfer = await self.bench.transfer(UUID(str((await self.shown(place))["transfer"]).rpartition("/")[2]))
        return await self.bench.staged(transfer.staging_key)

    async def until_forgotten(self, place: str) -> None:
        """Wait until an upload has no piece left."""
        async with asyncio.timeout(30):
            while await self.pieces(place):
                await asyncio.sleep(0.02)

    async def reasons(self) -> list[object]:
        return [line.details["reason"] for line in await self.bench.lines("transfer.refused")]


def upload_id(place: str) -> UUID:
    return UUID(place.rpartition("/")[2])


def on_staging(bench: Bench, staging: ObjectStore) -> Bench:
    """The same bench with its staging elsewhere."""
    return replace(bench, ingest=Ingest(bench.database, bench.ingest.calls, staging, bench.ingest.settings))


@asynccontextmanager
async def a_desk(bench: Bench, agreement: AgreementV1 | None = None, **asked: Any) -> AsyncIterator[Desk]:  # noqa: ANN401
    """Open a desk; its caller is a depositor of the agreement's town unless `asked` says otherwise."""
    agreement = agreement or await bench.agreement()
    token = asked.get("token") or a_token(Role.DEPOSITOR, agreement.establishment)
    transport = httpx.ASGITransport(an_app(bench.ingest, asked.get("limits", USUAL)))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as http:
        yield Desk(bench, agreement, http)


@asynccontextmanager
async def working(bench: Bench) -> AsyncIterator[None]:
    """Have the work on uploads done, as the room does."""
    jobs = {
        ASSEMBLE: partial(enter_upload, bench.ingest),
        FORGET_PIECES: partial(forget_pieces, bench.ingest),
    }
    loop = WorkLoop(bench.database, jobs, slots=4)
    running = asyncio.create_task(loop.run())
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
