"""How much an agreement has taken in, and how much it takes, for whoever may read the agreement."""

from typing import Annotated, Any

from fastapi import APIRouter, Request

from services.ingest.agreements import known_agreement
from services.ingest.intake import taken_in
from services.ingest.parts import Ingest
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.problems import not_found

router = APIRouter(prefix="/ingest/v1", tags=["ingest"])

Reader = Annotated[Caller, requires(Permission.AGREEMENT_READ)]


@router.get("/agreements/{reference}/intake")
async def get_intake(request: Request, caller: Reader, reference: str) -> dict[str, Any]:
    """Show how many bytes of files were taken in under an agreement, and how many are left of its quota, if any."""
    ingest: Ingest = request.app.state.ingest
    agreement = await known_agreement(ingest, reference)
    if agreement is None or agreement.establishment not in caller.scope(Permission.AGREEMENT_READ):
        raise not_found()
    async with ingest.database.reading() as connection:
        used = await taken_in(connection, agreement.id)
    quota = agreement.quota_bytes
    return {
        "agreement": str(agreement.id),
        "used_bytes": used,
        "quota_bytes": quota,
        "left_bytes": None if quota is None else max(0, quota - used),
    }
