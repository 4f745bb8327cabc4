"""The HTTP face of admin, one module a subject: parse, call, answer."""

from fastapi import APIRouter

from services.admin.api import agreements, clients, organisations, profiles, rules, token
from services.admin.api.door import TokenDoor
from services.admin.profile_trial import Trials
from services.admin.signing import Signer
from shared.messaging.transaction import RoomDatabase


def routes(database: RoomDatabase, signer: Signer, issuer: str, door: TokenDoor, trials: Trials) -> APIRouter:
    """Return admin's routes; tokens name `issuer` as theirs, and are asked for at `door`; `trials` try profiles."""
    router = APIRouter()
    for part in (
        token.routes(database, signer, issuer, door),
        organisations.routes(database),
        agreements.routes(database),
        clients.routes(database),
        rules.routes(database),
        profiles.routes(database, trials),
    ):
        router.include_router(part)
    return router
