"""Receipts over HTTP: what the archive answers for since a transfer was accepted, for whoever sent it."""

from typing import Annotated

from fastapi import APIRouter, Response

from services.proof import receipt_queries
from services.proof.identifying import Transfer
from services.proof.receipt_queries import Issued
from services.proof.receipts import ask_for
from shared.descriptions import content_of
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messages.journal import JournalLineV1
from shared.messaging.lines import line_writer
from shared.messaging.transaction import RoomDatabase
from shared.problems import Problem, not_found

JOSE = "application/jose"

COMMUNICATED = "receipt.communicated"

Reader = Annotated[Caller, requires(Permission.TRANSFER_READ)]


def receipt_routes(database: RoomDatabase) -> APIRouter:
    """Return the route of receipts."""
    router, lines = APIRouter(prefix="/proof/v1", tags=["evidence"]), line_writer(database)

    @router.get("/transfers/{transfer_id}/receipt", response_class=Response, responses={200: content_of(JOSE)})
    async def get_receipt(caller: Reader, transfer: Transfer) -> Response:
        """Return the signed receipt of a transfer that was accepted (JWS, docs/proof-format.md)."""
        scope = caller.scope(Permission.TRANSFER_READ)
        async with database.reading() as connection:
            found = await receipt_queries.find(connection, scope, transfer)
            awaited = found is None and await receipt_queries.is_awaited(connection, scope, transfer)
        if awaited:
            async with database.begin() as tx:
                await ask_for(tx, transfer)
            raise _not_ready()
        if found is None:
            raise not_found()
        await lines.add(_line(caller, found))
        headers = {
            "Content-Disposition": f'attachment; filename="{transfer}.jws"',
            "Cache-Control": "private, no-store",
        }
        return Response(found.body, media_type=JOSE, headers=headers)

    return router


def _not_ready() -> Problem:
    return Problem(
        409,
        "receipt_not_ready",
        "Le reçu n'est pas encore délivré : il l'est peu après l'acceptation du versement.",
        "The receipt is not issued yet: it is, shortly after the transfer was accepted.",
        headers={"Retry-After": "5"},
    )


def _line(caller: Caller, receipt: Issued) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action=COMMUNICATED,
        actor=caller.subject,
        object=f"transfer:{receipt.transfer}",
        establishment=receipt.establishment,
    )
