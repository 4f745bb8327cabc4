"""Evidence over HTTP: a record (RFC 4998) of a package, or of one line of a journal, for any verifier."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.proof import evidence_queries, queries
from services.proof.domain.evidence_record import evidence_record
from services.proof.evidence import Chains, chains_of, chains_of_line
from shared.descriptions import content_of
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase
from shared.problems import Problem, not_found

DER = "application/octet-stream"
"""RFC 4998 registers no type for records; the name of the file ends as ETSI EN 319 162-1 has it."""

Holder = Annotated[Caller, requires(Permission.EVIDENCE_READ)]
Reader = Annotated[Caller, requires(Permission.JOURNAL_READ)]


def evidence_routes(database: RoomDatabase) -> APIRouter:
    """Return the routes that give evidence."""
    router = APIRouter(prefix="/proof/v1", tags=["evidence"])

    @router.get("/aips/{aip_id}/evidence", response_class=Response, responses={200: content_of(DER)})
    async def get_package_evidence(
        aip_id: str, caller: Holder, version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
    ) -> Response:
        """Return what proves that the files of an AIP existed when it was sealed, each of them and no other.

        Without a version, of the newest. What was eliminated meanwhile is proven by the record of a version before.
        """
        try:
            aip = UUID(aip_id)
        except ValueError as error:
            raise not_found() from error
        async with database.engine.connect() as connection:
            scope = caller.scope(Permission.EVIDENCE_READ)
            found = await evidence_queries.version_of(connection, scope, aip, version)
            if found is None:
                raise not_found()
            chains = await chains_of(connection, aip, found)
        return await _record(f"{aip}.v{found}", chains)

    @router.get(
        "/journals/{journal}/lines/{number}/evidence", response_class=Response, responses={200: content_of(DER)}
    )
    async def get_line_evidence(journal: str, number: int, caller: Reader) -> Response:
        """Return what proves that a line existed, as its bytes are, when it was sealed."""
        async with database.engine.connect() as connection:
            ours = await queries.find_journal(connection, caller.scope(Permission.JOURNAL_READ), journal)
            if ours is None or not 0 < number <= ours.head.number:
                raise not_found()
            chains = await chains_of_line(connection, ours.id, number)
        return await _record(f"{journal}.{number}", chains)

    return router


async def _record(name: str, chains: Chains | None) -> Response:
    if chains is None:
        raise Problem(
            409,
            "not_sealed_yet",
            "Cet objet n'est pas encore scellé, ou son sceau n'est pas encore horodaté.",
            "This is not sealed yet, or its seal has no time-stamp yet.",
            headers={"Retry-After": "3600"},
        )
    record = await asyncio.to_thread(evidence_record, chains)
    headers = {"Content-Disposition": f'attachment; filename="{name}.ers"', "Cache-Control": "private, no-store"}
    return Response(record, media_type=DER, headers=headers)
