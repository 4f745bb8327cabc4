"""An archive that accepts, refuses or forgets deposits, behind the same routes as the real one."""

from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

RECEIVED = "2026-01-05T09:00:00.000000Z"
ACCEPTED = "2026-01-05T09:00:01.500000Z"


@dataclass
class ArchiveDouble:
    """Every transfer ends in `ends`, at once; `bodies` keeps what was posted, `tokens` how many were asked.

    Not `listed`, it is known only to those who ask for it by its id.
    """

    ends: str = "accepted"
    answer: int = 202
    listed: bool = True
    bodies: list[bytes] = field(default_factory=list)
    tokens: int = 0

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/admin/v1/token", self._token, methods=["POST"]),
                Route("/ingest/v1/transfers", self._take, methods=["POST"]),
                Route("/ingest/v1/transfers", self._list),
                Route("/ingest/v1/transfers/{number}", self._show),
            ]
        )

    async def _token(self, _request: Request) -> JSONResponse:
        self.tokens += 1
        return JSONResponse({"access_token": f"token-{self.tokens}", "expires_in": 600})

    async def _take(self, request: Request) -> JSONResponse:
        self.bodies.append(await request.body())
        return JSONResponse({"id": str(len(self.bodies)), "title": "réponse"}, self.answer)

    async def _list(self, request: Request) -> JSONResponse:
        asked = request.query_params["state"]
        numbers = range(1, len(self.bodies) + 1) if asked == self.ends and self.listed else ()
        return JSONResponse({"items": [self._transfer(str(number)) for number in numbers]})

    async def _show(self, request: Request) -> JSONResponse:
        return JSONResponse(self._transfer(request.path_params["number"]))

    def _transfer(self, number: str) -> dict[str, Any]:
        steps = [{"state": "received", "at": RECEIVED}, {"state": self.ends, "at": ACCEPTED}]
        return {
            "id": number,
            "state": self.ends,
            "received_at": RECEIVED,
            "changed_at": ACCEPTED,
            "steps": steps,
            "findings": [{"code": "MANIFEST_SCHEMA"}],
        }
