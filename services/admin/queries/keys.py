"""Questions about signing keys."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.admin.tables import signing_key

MAKING = 5_715_002
"""The advisory lock of whoever makes a signing key."""


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A signing key as it is kept: the private part encrypted, the public part as a JWK."""

    kid: str
    pkcs8: bytes
    jwk: dict[str, Any]


async def lock_making(connection: AsyncConnection) -> None:
    """Wait until no other process makes a key, and keep it so until the transaction ends."""
    await connection.execute(select(func.pg_advisory_xact_lock(MAKING)))


async def current(connection: AsyncConnection) -> KeptKey | None:
    """Return the key that signs."""
    query = (
        select(signing_key)
        .where(signing_key.c.retired_at.is_(None))
        .order_by(signing_key.c.created_at.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else KeptKey(row.kid, row.pkcs8, row.jwk)


async def published(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return the public keys by which a token may still have to be verified."""
    lately = func.now() - text("interval '1 hour'")
    query = (
        select(signing_key.c.jwk)
        .where(or_(signing_key.c.retired_at.is_(None), signing_key.c.retired_at > lately))
        .order_by(signing_key.c.created_at.desc())
    )
    return list(await connection.scalars(query))


async def replace(connection: AsyncConnection, key: KeptKey) -> None:
    """Let this key sign from now on; the one before, if any, is retired."""
    active = signing_key.c.retired_at.is_(None)
    await connection.execute(signing_key.update().where(active).values(retired_at=func.now()))
    row = {"kid": key.kid, "pkcs8": key.pkcs8, "jwk": key.jwk}
    await connection.execute(signing_key.insert().values(row))
