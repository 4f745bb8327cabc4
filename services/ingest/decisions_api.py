"""What awaits an archivist's decision, for whoever may take it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request

from services.ingest.awaiting import awaiting
from services.ingest.parts import Ingest
from services.ingest.views import waiting_view
from shared.clock import now
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission

router = APIRouter(prefix="/ingest/v1", tags=["ingest"])

Archivist = Annotated[Caller, requires(Permission.TRANSFER_DECIDE)]
PAGE = 50


@router.get("/decisions")
async def list_decisions(
    request: Request,
    caller: Archivist,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = PAGE,
) -> dict[str, Any]:
    """List the transfers that await a decision of the caller's, the oldest first."""
    ingest: Ingest = request.app.state.ingest
    scope = caller.scope(Permission.TRANSFER_DECIDE)
    async with ingest.database.reading() as connection:
        found = await awaiting(connection, scope.establishments, cursor, limit + 1)
    page, at = found[:limit], now()
    following = str(page[-1].id) if len(found) > limit else None
    return {"items": [waiting_view(transfer, at) for transfer in page], "next": following}
