"""The HTTP face of admin, one module a subject: parse, call, answer."""

from fastapi import APIRouter

from services.admin.api import agreements, clients, organisations, rules, token
from services.admin.api.door import TokenDoor
from services.admin.signing import Signer
from shared.messaging.transaction import RoomDatabase


def routes(database: RoomDatabase, signer: Signer, issuer: str, door: TokenDoor) -> APIRouter:
    """Return admin's routes; tokens name `issuer` as theirs, and are asked for at `door`."""
    router = APIRouter()
    for part in (
        token.routes(database, signer, issuer, door),
        organisations.routes(database),
        agreements.routes(database),
        clients.routes(database),
        rules.routes(database),
    ):
        router.include_router(part)
    return router
