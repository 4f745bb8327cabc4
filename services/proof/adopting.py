"""Adopt packages that are stored and that proof was never told of: those of a release before, or of a lost message.

    aip.stored lines, each looked at once ──► no group? ──► where its copies are, asked of storage ──► package_group

So what was stored before there were seals comes under one, and nothing that a journal knows of stays unproven.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.proof import adoption_queries as queries
from services.proof.adoption_queries import Told
from services.proof.gathering import take_packages
from shared.calls import RoomCalls
from shared.messages.ingest import MemberV1
from shared.messages.storage import AipStoredV1
from shared.messaging.transaction import RoomDatabase

LINES = 5_000
"""Lines of a journal looked at in one transaction."""

STANDING = frozenset({"stored", "damaged"})
"""States of a package that is there: of a damaged one, gathering waits until it is whole again."""

NOWHERE = MemberV1(offset=0, length=0, sha512="0" * 128)
"""In place of the catalogue, which proof does not ask for."""


class Adopter:
    """Looks through the journals once, and asks storage for what it finds."""

    def __init__(self, calls: RoomCalls) -> None:
        self._calls = calls

    async def adopt(self, database: RoomDatabase) -> int:
        """Look at all lines that were not looked at; return how many packages were adopted.

        Raises `RoomUnavailable` while storage does not answer: what was looked at until then stays.
        """
        adopted = 0
        while (page := await self._page(database)) is not None:
            adopted += page
        return adopted

    async def _page(self, database: RoomDatabase) -> int | None:
        async with database.reading() as connection:
            some = await queries.next_lines(connection, LINES)
            if some is None:
                return None
            unknown = await queries.without_group(connection, [_told(body) for body in some.stored])
        messages = [message for told in unknown if (message := await self._ask(told)) is not None]
        async with database.begin() as tx:
            if messages:
                await take_packages(tx, messages)
            await queries.note_looked_at(tx.connection, some)
        return len(messages)

    async def _ask(self, told: Told) -> AipStoredV1 | None:
        """Return what storage told when a package was stored; None where it is gone, or another version stands."""
        found = await self._calls.get_json("storage", f"/storage/v1/aips/{told.aip}/copies")
        if found is None or found["state"] not in STANDING or found["version"] != told.version:
            return None
        # As if it had just been heard; it is said to nobody.
        return AipStoredV1.model_validate(
            {
                "aip_id": told.aip,
                "transfer_id": told.transfer,
                "establishment": told.establishment,
                "version": told.version,
                "sha512": found["sha512"],
                "size": found["size"],
                "receipts": [_receipt(copy) for copy in found["copies"] if copy["verified_at"] is not None],
                "catalogue": NOWHERE,
            }
        )


def _told(body: bytes) -> Told:
    line = json.loads(body)
    aip = UUID(line["object"].removeprefix("aip:"))
    return Told(aip, int(line["details"]["version"]), UUID(line["establishment"]), UUID(line["transfer"]))


def _receipt(copy: Mapping[str, Any]) -> dict[str, Any]:
    names = ("site", "key", "version_id", "sha512", "verified_at")
    return {**{name: copy[name] for name in names}, "place": copy["place"] or ""}
