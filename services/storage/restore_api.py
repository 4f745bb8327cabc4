"""The HTTP face of restore tests: what came of reading an establishment's archives back."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from services.storage.api import Parts
from services.storage.domain.restore_tests import RestoreTest
from services.storage.queries import restore_tests
from shared.clock import rfc3339
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission

router = APIRouter(prefix="/storage/v1/restore-tests", tags=["restore tests"])


@router.get("")
async def list_restore_tests(
    storage: Parts,
    caller: Annotated[Caller, requires(Permission.COPIES_READ)],
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    establishment: UUID | None = None,
) -> dict[str, Any]:
    """List restore tests, the newest first; `before` is the `next` of the page that was just read."""
    scope = caller.scope(Permission.COPIES_READ)
    async with storage.database.reading() as connection:
        found = await restore_tests.page(connection, scope, before, limit, establishment)
    return {"items": [_shown(test) for test in found], "next": str(found[-1].id) if len(found) == limit else None}


def _shown(test: RestoreTest) -> dict[str, Any]:
    return {
        "id": str(test.id),
        "establishment": str(test.establishment),
        "aip_id": str(test.aip),
        "version": test.version,
        "site": test.site,
        "outcome": test.outcome.value,
        "members": test.members,
        "bytes": test.bytes,
        "faults": list(test.faults),
        "tested_at": rfc3339(test.tested_at),
    }
