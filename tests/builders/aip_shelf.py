"""AIPs given out by range as storage does, and cut in the middle on demand, as no storage would."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp


class AipShelf:
    """The bytes of AIPs by identifier. `cut_after` breaks every answer after so many bytes."""

    def __init__(self) -> None:
        self.aips: dict[str, bytes] = {}
        self.ranges: list[str] = []
        self.versions: list[str] = []
        self.cut_after: int | None = None
        self.away = False
        self.eliminated: set[str] = set()
        self.app = FastAPI()
        self.app.get("/storage/v1/aips/{aip_id}/content")(self.give)
        self.app.get("/storage/v1/aips/{aip_id}/copies")(self.copies)

    async def give(self, request: Request, aip_id: str) -> Response:
        asked = request.headers["range"]
        self.ranges.append(asked)
        self.versions.append(request.query_params["version"])
        if self.away:
            return Response(status_code=503)
        if aip_id in self.eliminated:
            return Response(status_code=410)
        first, last = (int(text) for text in asked.removeprefix("bytes=").split("-"))
        part = self.aips[aip_id][first : last + 1]
        headers = {"Content-Length": str(len(part)), "Content-Range": f"bytes {first}-{last}/*"}
        return StreamingResponse(self._chunks(part), 206, headers)

    async def copies(self, aip_id: str) -> Response:
        if self.away:
            return Response(status_code=503)
        if aip_id not in self.aips:
            return Response(status_code=404)
        content = self.aips[aip_id]
        sha512 = hashlib.sha512(content).hexdigest()
        copy = {"site": "a", "place": "Aix", "key": "k", "version_id": None, "sha512": sha512}
        copies = [{**copy, "verified_at": "2026-11-27T03:00:00.000Z"}, {**copy, "site": "b", "verified_at": None}]
        state = "purging" if aip_id in self.eliminated else "stored"
        shown = {"aip_id": aip_id, "version": 1, "state": state, "sha512": sha512, "size": len(content)}
        return JSONResponse({**shown, "copies": copies})

    async def _chunks(self, part: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(part), 1000):
            if self.cut_after is not None and start >= self.cut_after:
                raise ConnectionAbortedError("cut")
            yield part[start : start + 1000]


@asynccontextmanager
async def listening(app: ASGIApp, port: int) -> AsyncIterator[None]:
    """Serve an application on a port of this machine while the block lasts."""
    config = uvicorn.Config(app, port=port, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield
    server.should_exit = True
    await serving
