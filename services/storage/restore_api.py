"""The HTTP face of restore tests: what came of reading an establishment's archives back."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter

from services.storage.api import Parts
from services.storage.domain.restore_tests import RestoreTest
from services.storage.paging import USUAL, Cursor, PageSize, a_page
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
    cursor: Cursor = None,
    limit: PageSize = USUAL,
    establishment: UUID | None = None,
) -> dict[str, Any]:
    """List restore tests, the newest first."""
    scope = caller.scope(Permission.COPIES_READ)
    async with storage.database.reading() as connection:
        found = await restore_tests.page(connection, scope, cursor, limit, establishment)
    return a_page(found, limit, _shown, lambda test: test.id)


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
