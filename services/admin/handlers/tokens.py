"""Give tokens to clients that show their secret (OAuth 2.0 client credentials, RFC 6749 §4.4)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
from prometheus_client import Counter

from services.admin.domain.client import Client, mandates_of
from services.admin.domain.secret import NOBODY, matches_any
from services.admin.handlers.journal import event
from services.admin.queries import clients
from services.admin.sealing import SigningKey
from shared.clock import now
from shared.identifiers import new_id
from shared.identity.caller import Scope, mandates_claim
from shared.identity.tokens import AUDIENCE
from shared.messaging.transaction import RoomDatabase

LIFETIME = timedelta(minutes=10)
"""How long a token is good for: a disabled client is out within it."""

STRANGER = UUID(int=0)
"""Stands for whoever names a client that does not exist: one line a minute for all of them."""

REFUSED = Counter("chartrier_tokens_refused", "Refused requests for a token", ("reason",))
ISSUED = Counter("chartrier_tokens_issued", "Tokens given")


async def client_of(database: RoomDatabase, client_id: str, secret: str) -> tuple[Client | None, UUID]:
    """Return the client that these credentials are of, if any, and the id that a refusal is counted under.

    An unknown client, a disabled one and a wrong secret take the same path and the same time.
    """
    wanted = _id(client_id)
    # One question, no transaction around it: tokens are asked for often, and each round trip counts.
    alone = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    async with alone.connect() as connection:
        found = await clients.find(connection, Scope(None), wanted)
    kept, former = (NOBODY, None) if found is None else (found.secret, found.former_secret)
    right = matches_any(kept, former, secret, now())
    known = STRANGER if found is None else found.id
    return (found if found is not None and right and found.state == "active" else None), known


async def issue(database: RoomDatabase, key: SigningKey, issuer: str, client: Client) -> str:
    """Return a token with the client's mandates as they are now."""
    if client.first_used_at is None:
        async with database.begin() as tx:
            await clients.note_first_use(tx.connection, client.id)
    issued = now()
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": str(client.id),
        "iat": issued,
        "exp": issued + LIFETIME,
        "jti": str(new_id()),
        "organisation": None if client.organisation is None else str(client.organisation),
        "mandates": mandates_claim(mandates_of(client.grants)),
    }
    ISSUED.inc()
    return jwt.encode(claims, key.private, algorithm="ES256", headers={"kid": key.kid})


async def note_refusal(database: RoomDatabase, client_id: UUID) -> None:
    """Count a refusal, and journal it unless one of the same client was within the last minute."""
    reason = "unknown_client" if client_id == STRANGER else "wrong_secret_or_disabled"
    REFUSED.labels(reason).inc()
    async with database.begin() as tx:
        if await clients.may_journal_refusal(tx.connection, client_id):
            about = "client:unknown" if client_id == STRANGER else f"client:{client_id}"
            line = event("token.refused", "anonymous", about, details={"reason": reason})
            tx.journal(line.model_copy(update={"outcome": "ko"}))


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return STRANGER
