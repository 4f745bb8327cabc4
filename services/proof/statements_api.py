"""Statements of probative value over HTTP: at once where that can be, else where to come for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from services.proof import statement_queries as queries
from services.proof.identifying import Aip
from services.proof.statement_queries import Asked
from services.proof.stating import STATE
from shared.identifiers import new_id
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messages.journal import JournalLineV1
from shared.messaging.lease import Piece
from shared.messaging.lines import line_writer
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import enqueue
from shared.problems import not_found

Holder = Annotated[Caller, requires(Permission.EVIDENCE_READ)]
Version = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
Number = Annotated[UUID | None, Query(alias="id")]

PATIENCE_SECONDS = 20.0
"""How long whoever asks is kept waiting for what a worker makes; what takes longer is fetched later."""

LOOK_SECONDS = 0.2

COMMUNICATED = "statement.communicated"

Made = TypeVar("Made")


async def waited_for(look: Callable[[], Awaitable[Made | None]], patience: float) -> Made | None:
    """Return what somebody makes meanwhile, or None where that takes longer than `patience` seconds."""
    until = time.monotonic() + patience
    # Made by another process, which has no way to wake this one.
    while (made := await look()) is None and time.monotonic() < until:  # noqa: ASYNC110 (see above)
        await asyncio.sleep(LOOK_SECONDS)
    return made


def statement_routes(database: RoomDatabase, patience: float = PATIENCE_SECONDS) -> APIRouter:
    """Return the route of statements; an answer waits for up to `patience` seconds."""
    router, lines = APIRouter(prefix="/proof/v1", tags=["evidence"]), line_writer(database)

    async def asked_for(caller: Caller, aip: UUID, version: int | None) -> UUID:
        async with database.begin() as tx:
            scope = caller.scope(Permission.EVIDENCE_READ)
            subject = await queries.subject(tx.connection, aip, version, scope)
            if subject is None:
                raise not_found()
            wanted = Asked(new_id(), aip, subject.version, subject.establishment, caller.subject, None, None)
            number = await queries.ask(tx.connection, wanted)
            await enqueue(tx, STATE, Piece(str(number), owner=str(subject.establishment)))
        return number

    @router.get("/aips/{aip_id}/statement")
    async def state_package(caller: Holder, aip: Aip, version: Version = None, number: Number = None) -> Response:
        """Have all that proves an AIP looked at again, every copy read whole, and return what was found.

        An answer that is not ready in time (202) says where it will be: with its `id` it is fetched, and given again.
        """
        if number is None:
            number = await asked_for(caller, aip, version)

        async def look() -> Asked | None:
            async with database.reading() as connection:
                found = await queries.find_of(connection, caller.scope(Permission.EVIDENCE_READ), aip, number)
            if found is None:
                raise not_found()
            return None if found.facts is None else found

        made = await waited_for(look, patience)
        place = f"/proof/v1/aips/{aip}/statement?id={number}"
        if made is None:
            return JSONResponse({"id": str(number), "state": "making"}, 202, {"Location": place, "Retry-After": "10"})
        await lines.add(_line(caller, made))
        # Put together as bytes: what was signed is given as it was signed.
        body = b'{"statement":' + (made.facts or b"") + b',"jws":"' + (made.signed or "").encode() + b'"}'
        headers = {"Content-Location": place, "Cache-Control": "private, no-store"}
        return Response(body, media_type="application/json", headers=headers)

    return router


def _line(caller: Caller, made: Asked) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action=COMMUNICATED,
        actor=caller.subject,
        object=f"aip:{made.aip}",
        establishment=made.establishment,
        details={"statement": str(made.id)},
    )
