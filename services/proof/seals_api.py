"""The HTTP face of seals: which there are, their containers, and how far proof has come."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof import anchor_queries, seal_queries, status_queries
from services.proof.seal_queries import Listed
from services.proof.status_queries import Point
from shared.clock import now, rfc3339
from shared.descriptions import content_of
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase
from shared.problems import Problem, not_found

Reader = Annotated[Caller, requires(Permission.JOURNAL_READ)]
Watcher = Annotated[Caller, requires(Permission.AUDIT_READ)]
Number = Annotated[int, Path(ge=1, le=2**53 - 1)]
PREFIX = "/proof/v1"
TAR = "application/x-tar"

SHOWN = 20
"""Seals without a token that are named one by one."""


@dataclass(frozen=True, slots=True)
class Periods:
    """How often anchors and seals are made."""

    anchor: timedelta
    seal: timedelta


Content = Callable[[int], Awaitable[AsyncIterator[bytes]]]


def seal_routes(database: RoomDatabase, content: Content, periods: Periods) -> APIRouter:
    """Return the routes of seals; `content` gives the container of one. What is sealed together is the platform's."""
    router = APIRouter(prefix=PREFIX, tags=["seals"])

    @router.get("/seals")
    async def list_seals(
        caller: Reader,
        cursor: Annotated[int | None, Query(ge=1, le=2**53 - 1)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        """List seals, the newest first."""
        _require_platform(caller, Permission.JOURNAL_READ)
        async with database.reading() as connection:
            found = await seal_queries.listed(connection, cursor, limit)
        following = found[-1].number if len(found) == limit else None
        return {"items": [_shown(one) for one in found], "next": following}

    @router.get("/seals/{number}")
    async def show_seal(number: Number, caller: Reader) -> dict[str, Any]:
        """Return what is known of a seal; its container tells the rest."""
        _require_platform(caller, Permission.JOURNAL_READ)
        async with database.reading() as connection:
            return _shown(await _found(connection, number))

    @router.get("/seals/{number}/content", response_class=Response, responses={200: content_of(TAR)})
    async def get_seal(number: Number, caller: Reader) -> Response:
        """Return the container of a seal, as it lies on every site (docs/proof-format.md)."""
        _require_platform(caller, Permission.JOURNAL_READ)
        async with database.reading() as connection:
            found = await _found(connection, number)
        if found.token_at is None:
            raise _not_stamped()
        return StreamingResponse(await content(number), media_type=TAR)

    @router.get("/status")
    async def show_status(_caller: Watcher) -> dict[str, Any]:
        """Tell how far anchors and seals have come: `window_seconds` is what no anchor on the sites covers yet."""
        async with database.snapshot() as connection:
            return {"anchors": await _anchors(connection, periods), "seals": await _seals(connection, periods)}

    return router


def _require_platform(caller: Caller, permission: Permission) -> None:
    if caller.scope(permission).establishments is not None:
        raise not_found()  # a seal is over the journals of all


async def _found(connection: AsyncConnection, number: int) -> Listed:
    found = await seal_queries.one_listed(connection, number)
    if found is None:
        raise not_found()
    return found


def _not_stamped() -> Problem:
    return Problem(
        409,
        "seal_not_stamped",
        "Ce scellement attend encore son horodatage.",
        "This seal still waits for its time-stamp.",
    )


def _shown(one: Listed) -> dict[str, Any]:
    return {
        "number": one.number,
        "at": rfc3339(one.at),
        "probative": one.probative,
        "sha512": one.sha512,
        "root": one.root.hex(),
        "algorithm": one.algorithm,
        "authority": one.authority,
        "serial": one.serial,
        "token_at": _moment(one.token_at),
        "certificate_ends": _moment(one.certificate_ends),
        "stored_at": _moment(one.stored_at),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


async def _anchors(connection: AsyncConnection, periods: Periods) -> dict[str, Any]:
    newest = await anchor_queries.newest(connection)
    kept = await status_queries.newest_on_sites(connection, "anchor")
    return {
        "period_seconds": int(periods.anchor.total_seconds()),
        "newest": None if newest is None else _point(Point(newest.number, newest.at)),
        "on_every_site": _point(kept),
        "window_seconds": None if kept is None else round((now() - kept.at).total_seconds()),
    }


async def _seals(connection: AsyncConnection, periods: Periods) -> dict[str, Any]:
    newest = await seal_queries.newest(connection)
    waiting = await status_queries.unstamped(connection, SHOWN)
    return {
        "period_seconds": int(periods.seal.total_seconds()),
        "newest": None if newest is None else _point(Point(newest.number, newest.at)),
        "stamped": _point(await status_queries.newest_stamped(connection)),
        "on_every_site": _point(await status_queries.newest_on_sites(connection, "seal")),
        "without_token": [_point(one) for one in waiting],
    }


def _point(point: Point | None) -> dict[str, Any] | None:
    return None if point is None else {"number": point.number, "at": rfc3339(point.at)}
