"""Questions about signing keys, all by the database's clock: it is the one that all processes share.

`retired_at` keeps the meaning that the version before this one gives it, which signs with the newest key where it is
null and publishes those where it is less than an hour past. So a key that is published and does not sign yet is
retired at `infinity` (published by both, signed with by neither), null from its first signature on, and `-infinity`
once revoked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.admin.domain.signing_key import KEPT_PUBLISHED, KeyFacts
from services.admin.tables import signing_key

MAKING = 5_715_002
"""The advisory lock of whoever changes which key signs."""

ERASED = b""
"""Stands for a private half that is no longer needed."""

# Not now(): a transaction that waited for the lock began before what it then finds.
_CLOCK = func.clock_timestamp()
_WAITING = text("'infinity'::timestamptz")
NEVER_AGAIN = text("'-infinity'::timestamptz")
_key = signing_key.c

DROPPED_BY_NOW = _CLOCK - KEPT_PUBLISHED
"""When a key retired at the latest that is in the published set no more."""


def _is(marker: str) -> ColumnElement[bool]:
    return _key.retired_at == text(f"'{marker}'::timestamptz")


@dataclass(frozen=True, slots=True)
class DueKey:
    """The key whose turn it is; `settled` when the others have been retired for it."""

    kid: str
    pkcs8: bytes
    settled: bool


async def lock(connection: AsyncConnection) -> None:
    """Wait until no other process changes which key signs, and keep it so until the transaction ends."""
    await connection.execute(select(func.pg_advisory_xact_lock(MAKING)))


async def due(connection: AsyncConnection) -> DueKey | None:
    """Return the key that is to sign now."""
    query = (
        select(_key.kid, _key.pkcs8, _key.retired_at.is_(None).label("settled"))
        .where(_key.revoked_at.is_(None), or_(_key.retired_at.is_(None), _is("infinity")), _key.signs_from <= _CLOCK)
        .order_by(_key.signs_from.desc(), _key.created_at.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else DueKey(row.kid, row.pkcs8, row.settled)


async def waiting(connection: AsyncConnection) -> KeyFacts | None:
    """Return the key that is published and does not sign yet, if there is one."""
    row = (await connection.execute(_facts().where(_is("infinity"), _key.signs_from > _CLOCK).limit(1))).one_or_none()
    return None if row is None else _read(row)


async def every(connection: AsyncConnection) -> tuple[list[KeyFacts], datetime]:
    """Return all keys that ever were, the newest first, and the database's time."""
    rows = await connection.execute(_facts().order_by(_key.created_at.desc()))
    return [_read(row) for row in rows], (await connection.execute(select(_CLOCK))).scalar_one()


async def published(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return the public keys by which a token may still have to be verified, or soon will."""
    kept = or_(_key.retired_at.is_(None), _key.retired_at > _CLOCK - KEPT_PUBLISHED)
    query = select(_key.jwk).where(_key.revoked_at.is_(None), kept).order_by(_key.created_at.desc())
    return list(await connection.scalars(query))


async def is_safe_to_sign_with(connection: AsyncConnection, kid: str) -> bool:
    """Say whether tokens signed with a key now will be believed for as long as they live."""
    kept = or_(_key.retired_at.is_(None), _key.retired_at > _CLOCK - KEPT_PUBLISHED / 2)
    return (
        await connection.scalar(select(_key.kid).where(_key.kid == kid, _key.revoked_at.is_(None), kept)) is not None
    )


async def add(connection: AsyncConnection, kid: str, pkcs8: bytes, jwk: dict[str, Any], lead: timedelta) -> datetime:
    """Publish a key, and return the instant from which it signs; without a lead, it does at once."""
    row = {
        "kid": kid,
        "pkcs8": pkcs8,
        "jwk": jwk,
        "created_at": _CLOCK,
        "signs_from": _CLOCK + lead,
        "retired_at": _WAITING if lead else None,
    }
    added = signing_key.insert().values(row).returning(_key.signs_from)
    signs_from: datetime = (await connection.execute(added)).scalar_one()
    return signs_from


async def settle(connection: AsyncConnection, kid: str) -> list[str]:
    """Let this key sign alone; retire the others whose turn has been, and erase their private halves."""
    over = or_(_key.retired_at.is_(None), and_(_is("infinity"), _key.signs_from <= _CLOCK))
    retire = signing_key.update().where(over, _key.kid != kid).values(retired_at=_CLOCK, pkcs8=ERASED)
    retired = await connection.scalars(retire.returning(_key.kid))
    await connection.execute(signing_key.update().where(_key.kid == kid).values(retired_at=None))
    return list(retired)


async def revoke_all(connection: AsyncConnection) -> list[str]:
    """Take every key out of the published set, and erase their private halves."""
    kept = or_(_key.retired_at.is_(None), _key.retired_at > _CLOCK - KEPT_PUBLISHED)
    values = {"revoked_at": _CLOCK, "retired_at": NEVER_AGAIN, "pkcs8": ERASED}
    revoked = signing_key.update().where(_key.revoked_at.is_(None), kept).values(values).returning(_key.kid)
    return list(await connection.scalars(revoked))


async def private_halves(connection: AsyncConnection) -> list[tuple[str, bytes]]:
    """Return the private halves that are still kept, by key id."""
    query = select(_key.kid, _key.pkcs8).where(_key.pkcs8 != ERASED)
    return [(row.kid, row.pkcs8) for row in await connection.execute(query)]


async def seal_again(connection: AsyncConnection, kid: str, pkcs8: bytes) -> None:
    """Keep a private half in another encryption."""
    await connection.execute(signing_key.update().where(_key.kid == kid).values(pkcs8=pkcs8))


def _facts() -> Any:  # noqa: ANN401 (a select of rows for `_read`)
    ended = func.nullif(func.nullif(_key.retired_at, _WAITING), NEVER_AGAIN).label("retired_at")
    return select(_key.kid, _key.created_at, _key.signs_from, ended, _key.revoked_at, _key.pkcs8)


def _read(row: Row[Any]) -> KeyFacts:
    return KeyFacts(row.kid, row.created_at, row.signs_from, row.retired_at, row.revoked_at, row.pkcs8)
