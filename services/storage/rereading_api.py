"""What lies on each site of an AIP at this moment, over HTTP: for proof, which states it, and for whoever may ask.

The answer comes line by line (NDJSON), as copies are read; an empty line every few seconds says that one is still
being read: a copy of a terabyte takes hours, and no proxy waits that long for a first byte.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from services.storage.api import LAST_VERSION, Parts, Storage, purged, within
from services.storage.domain.audits import Verdict
from services.storage.domain.copies import Copy
from services.storage.domain.holdings import GOING, Holding
from services.storage.pipeline.package_check import told
from services.storage.rereading import READ, Reread, doubt, reread, taken_apart
from shared.clock import rfc3339
from shared.descriptions import content_of
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission

router = APIRouter(prefix="/storage/v1", tags=["storage"])

NDJSON = "application/x-ndjson"

STILL_SECONDS = 5.0
"""How often a line without anything says that a copy is still being read."""


@router.get("/aips/{aip_id}/examination", response_class=Response, responses={200: content_of(NDJSON)})
async def examine_copies(
    aip_id: str,
    storage: Parts,
    caller: Annotated[Caller, requires(Permission.COPIES_READ)],
    version: Annotated[int | None, Query(ge=1, le=LAST_VERSION)] = None,
) -> Response:
    """Read every copy of an AIP again, whole and past caches, and say what each site gave back."""
    holding, copies = await within(storage, caller, Permission.COPIES_READ, aip_id, version)
    if holding.state in GOING:
        raise purged()
    rows = _rows(storage, holding, copies)
    return StreamingResponse(_alive(rows), headers={"Cache-Control": "private, no-store"}, media_type=NDJSON)


async def _rows(storage: Storage, holding: Holding, copies: list[Copy]) -> AsyncIterator[dict[str, Any]]:
    yield {
        "aip_id": str(holding.id),
        "version": holding.version,
        "state": holding.state,
        "sha512": holding.sha512,
        "size": holding.size,
        "sites": [copy.site for copy in copies if copy.state in READ],
    }
    async with storage.rereadings:
        read: list[Reread] = []
        async with aclosing(reread(storage.sites, holding, copies)) as found:  # type: ignore[type-var]
            async for one in found:
                read.append(one)
                yield _copy(storage, one)
        await doubt(storage.database, holding, read)
        yield {"package": await _package(storage, holding, read)}


def _copy(storage: Storage, one: Reread) -> dict[str, Any]:
    opened = storage.sites.get(one.copy.site)
    return {
        "site": one.copy.site,
        "place": None if opened is None else opened.site.place,
        "version_id": one.copy.version_id,
        "verdict": one.verdict,
        "found_sha512": None if one.found is None else one.found.sha512,
        "found_size": None if one.found is None else one.found.size,
        "at": rfc3339(one.at),
    }


async def _package(storage: Storage, holding: Holding, read: list[Reread]) -> dict[str, Any] | None:
    """Take a copy apart that was found whole; None where there is none."""
    for one in read:
        if one.verdict is not Verdict.WHOLE:
            continue
        found = await taken_apart(storage.sites[one.copy.site], holding, one.copy)
        if found is not None:
            return {"site": one.copy.site, "members": found.members, "faults": list(map(told, found.faults))}
    return None


async def _alive(rows: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """Write rows as lines, and an empty line whenever the next one takes long."""
    try:
        while True:
            following = asyncio.ensure_future(anext(rows, None))
            while not (await asyncio.wait({following}, timeout=STILL_SECONDS))[0]:
                yield b"\n"
            row = following.result()
            if row is None:
                return
            yield json.dumps(row, ensure_ascii=False).encode() + b"\n"
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await rows.aclose()  # type: ignore[attr-defined] # a generator
