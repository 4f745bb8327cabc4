"""The receipt of a transfer, beside its reply: handed on from proof, which issues it and tells who was given it."""

from fastapi import APIRouter, Response

from services.ingest.adapters.receipts import receipt_of
from services.ingest.api import Parts, Reader, transfer_within
from services.ingest.domain.transfer import TransferState
from shared.calls import RoomUnavailable
from shared.descriptions import content_of
from shared.identity.rights import Permission
from shared.problems import Problem, try_again

router = APIRouter(prefix="/ingest/v1", tags=["ingest"])

JOSE = "application/jose"


@router.get("/transfers/{transfer_id}/receipt", response_class=Response, responses={200: content_of(JOSE)})
async def get_receipt(caller: Reader, ingest: Parts, transfer_id: str) -> Response:
    """Return the receipt of an accepted transfer, signed by the archive (JWS): what it answers for since when."""
    transfer = await transfer_within(ingest, caller, Permission.TRANSFER_READ, transfer_id)
    if transfer.state is not TransferState.ACCEPTED:
        raise _none(transfer.state)
    try:
        receipt = await receipt_of(ingest.calls, caller, transfer.id)
    except RoomUnavailable as error:
        raise try_again() from error
    if receipt is None:
        raise _not_ready()
    headers = {
        "Content-Disposition": f'attachment; filename="{transfer.id}.jws"',
        "Cache-Control": "private, no-store",
    }
    return Response(receipt, media_type=JOSE, headers=headers)


def _none(state: TransferState) -> Problem:
    if state in {TransferState.REJECTED, TransferState.JUDGED}:
        return Problem(
            409,
            "receipt_not_ready",
            f"Il n'y a de reçu que d'un versement accepté ; celui-ci est {state}.",
            f"There is a receipt of an accepted transfer alone; this one is {state}.",
        )
    return _not_ready()


def _not_ready() -> Problem:
    return Problem(
        409,
        "receipt_not_ready",
        "Le reçu n'est pas encore délivré : il l'est peu après l'acceptation du versement.",
        "The receipt is not issued yet: it is, shortly after the transfer was accepted.",
        headers={"Retry-After": "5"},
    )
