"""The HTTP face of proof: journals, their lines, and the proof that nothing in them changed."""

import asyncio
import json
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof import evidence_queries, queries
from services.proof.consulting import Consultations
from services.proof.domain.line import Head
from services.proof.domain.verification import Anomaly, ChainCheck, Fault
from services.proof.queries import Journal, SenderState
from shared.clock import now, rfc3339
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase
from shared.problems import Problem, not_found, noted

Reader = Annotated[Caller, requires(Permission.JOURNAL_READ)]
After = Annotated[int, Query(ge=0)]
PREFIX = "/proof/v1/journals"

PAGE = 2_000
"""Lines read and checked at a time: bounds what a verification holds in memory."""

ANOMALIES = 100
"""Anomalies told one by one; a journal with more is no better known by a longer list."""


def routes(database: RoomDatabase, late_after: timedelta) -> APIRouter:
    """Return proof's routes; a batch that waits for longer than `late_after` is shown as late."""
    router, consultations = APIRouter(), Consultations(database)
    router.include_router(_heads(database, late_after, consultations))
    router.include_router(_lines(database, consultations))
    return router


def _heads(database: RoomDatabase, late_after: timedelta, consultations: Consultations) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["journals"])

    @router.get("")
    async def list_journals(
        caller: Reader,
        after: str = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
        establishment: UUID | None = None,
    ) -> dict[str, Any]:
        """List the journals that the caller may read, by name, with their heads."""
        scope = caller.scope(Permission.JOURNAL_READ)
        async with database.engine.connect() as connection:
            found = await queries.journals(connection, scope, after, limit, establishment)
        following = found[-1].name if len(found) == limit else None
        return {"items": [_shown(journal) for journal in found], "next": following}

    @router.get("/senders")
    async def list_senders(caller: Reader) -> dict[str, Any]:
        """Tell how far each room's lines have come, and which batches wait for one that is missing."""
        if caller.scope(Permission.JOURNAL_READ).establishments is not None:
            raise not_found()  # they concern the platform, not one establishment
        async with database.engine.connect() as connection:
            states = await queries.sender_states(connection)
        return {"items": [_sender(state, late_after) for state in states]}

    @router.get("/{journal}")
    async def show_journal(journal: str, caller: Reader) -> dict[str, Any]:
        """Return one journal's head."""
        return _shown(await _found(database, consultations, caller, journal))

    return router


def _lines(database: RoomDatabase, consultations: Consultations) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["journals"])

    @router.get("/{journal}/lines")
    async def list_lines(
        journal: str,
        caller: Reader,
        after: After = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        transfer: UUID | None = None,
    ) -> Response:
        """Return lines in order; each `line` is, byte for byte, the canonical JSON that `sha512` digests."""
        found = await _found(database, consultations, caller, journal)
        async with database.engine.connect() as connection:
            lines = await queries.lines_after(connection, found.id, after, limit, transfer)
        await consultations.read(caller, found, [line.number for line in lines], transfer)
        following = lines[-1].number if len(lines) == limit else None
        # Put together as bytes: a line read and written again might no longer be the same.
        items = b",".join(
            b'{"number":%d,"sha512":"%s","line":%s}' % (line.number, line.sha512.hex().encode(), line.body)
            for line in lines
        )
        body = b'{"items":[' + items + b'],"next":' + json.dumps(following).encode() + b"}"
        return Response(body, media_type="application/json")

    @router.get("/{journal}/verification")
    async def verify_journal(
        journal: str,
        caller: Reader,
        after: After = 0,
        limit: Annotated[int | None, Query(ge=1)] = None,
    ) -> dict[str, Any]:
        """Recompute the chain from the lines, and hold it to seals: all, or `limit` lines after number `after`."""
        await _found(database, consultations, caller, journal)
        async with database.snapshot() as connection:
            found = await _again(connection, caller, journal)
            check = ChainCheck(found.name, await _start(connection, found, after))
            anomalies = await _verify(connection, found, check, limit)
            anomalies += await _unlike_sealed(connection, found, after, check.end.number)
        await consultations.verified(caller, found, after, check.lines, len(anomalies))
        return _verdict(found, check, after, anomalies)

    return router


async def _found(database: RoomDatabase, consultations: Consultations, caller: Caller, name: str) -> Journal:
    """Return a journal that the caller may read. Raises a 404 `Problem`, of which there is a line."""
    async with database.engine.connect() as connection:
        found = await queries.find_journal(connection, caller.scope(Permission.JOURNAL_READ), name)
    if found is None:
        await consultations.refused(caller, name)
        raise noted(not_found())
    return found


async def _again(connection: AsyncConnection, caller: Caller, name: str) -> Journal:
    """Return it as one snapshot has it: its head and its lines must be of one moment."""
    found = await queries.find_journal(connection, caller.scope(Permission.JOURNAL_READ), name)
    if found is None:
        raise not_found()
    return found


async def _start(connection: AsyncConnection, journal: Journal, after: int) -> Head:
    if after == 0:
        return Head()
    digest = await queries.line_sha512(connection, journal.id, after)
    if digest is None:
        raise Problem(
            404,
            "line_not_found",
            f"Ce journal n'a pas de ligne {after}.",
            f"This journal has no line {after}.",
        )
    return Head(after, digest)


async def _verify(
    connection: AsyncConnection, journal: Journal, check: ChainCheck, limit: int | None
) -> list[Anomaly]:
    anomalies: list[Anomaly] = []
    left = limit
    while left is None or left > 0:
        page = PAGE if left is None else min(PAGE, left)
        lines = await queries.lines_after(connection, journal.id, check.end.number, page)
        # In a thread: the other requests of this process must not wait for a long journal.
        anomalies += await asyncio.to_thread(check.feed, lines)
        left = None if left is None else left - len(lines)
        if len(lines) < page:
            return anomalies + check.close(journal.head)
        if len(anomalies) >= ANOMALIES:
            break
    if check.end.number >= journal.head.number:
        anomalies += check.close(journal.head)
    return anomalies


async def _unlike_sealed(connection: AsyncConnection, journal: Journal, after: int, last: int) -> list[Anomaly]:
    """Compare with the heads that seals were made over: a journal rewritten to its end hangs together by itself."""
    numbers = await evidence_queries.unlike_sealed(connection, journal.id, after, last, ANOMALIES)
    found = [Anomaly(number, Fault.SEALED) for number in numbers]
    if await evidence_queries.last_sealed(connection, journal.id) > journal.head.number:
        # Cut at its end, head and all: a seal had more.
        found.append(Anomaly(journal.head.number + 1, Fault.MISSING))
    return found


def _verdict(journal: Journal, check: ChainCheck, after: int, anomalies: list[Anomaly]) -> dict[str, Any]:
    ended = check.end.number >= journal.head.number or bool(anomalies)
    return {
        "journal": journal.name,
        "valid": not anomalies,
        "after": after,
        "lines": check.lines,
        "head": {"number": check.end.number, "sha512": check.end.sha512},
        "anomalies": [{"number": anomaly.number, "code": anomaly.fault.value} for anomaly in anomalies[:ANOMALIES]],
        "next": None if ended else check.end.number,
        "verified_at": rfc3339(now()),
    }


def _shown(journal: Journal) -> dict[str, Any]:
    return {
        "journal": journal.name,
        "kind": journal.kind,
        "establishment": journal.establishment,
        "head": {"number": journal.head.number, "sha512": journal.head.sha512},
        "changed_at": rfc3339(journal.changed_at),
    }


def _sender(state: SenderState, late_after: timedelta) -> dict[str, Any]:
    since = state.waiting_since
    gap = None
    if state.first_waiting is not None and since is not None:
        gap = {
            "from": state.head.number + 1,
            "to": state.first_waiting - 1,
            "waiting": state.waiting,
            "since": rfc3339(since),
            "late": now() - since > late_after,
        }
    return {"sender": state.name, "batch": state.head.number, "sha512": state.head.sha512, "gap": gap}
