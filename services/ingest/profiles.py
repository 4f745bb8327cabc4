"""The archival profiles that agreements list: their state as admin told it, their bytes as admin gave them.

Bytes are asked for once and kept: whatever is listed is at hand before a check begins, so that admin may be away when
it ends.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from services.ingest.domain.profile import ProfileReference
from services.ingest.parts import Ingest
from services.ingest.tables import profile, profile_content
from shared.messages.admin import ProfilePublishedV1
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.profiles.fetching import fetch_profile

WITHDRAWN = "withdrawn"


async def keep_profiles(tx: Transaction, messages: Sequence[ProfilePublishedV1]) -> None:
    """Versions of profiles were approved or withdrawn: what is checked from now on is checked so."""
    for message in messages:
        row = {"id": message.reference.id, "revision": message.revision, "state": message.state}
        insertion = insert(profile).values(row)
        await tx.connection.execute(
            insertion.on_conflict_do_update(
                index_elements=[profile.c.id],
                set_={name: insertion.excluded[name] for name in ("revision", "state")},
                where=profile.c.revision < insertion.excluded.revision,
            )
        )


async def at_hand(ingest: Ingest, listed: Sequence[ProfileReference]) -> frozenset[UUID]:
    """Have the bytes of all profiles but those withdrawn, whose ids are returned. Raises `RoomUnavailable`."""
    if not listed:
        return frozenset()
    async with ingest.database.reading() as connection:
        query = select(profile.c.id).where(profile.c.id.in_([one.id for one in listed]), profile.c.state == WITHDRAWN)
        withdrawn = frozenset(await connection.scalars(query))
        digests = [one.sha512 for one in listed]
        query_kept = select(profile_content.c.sha512).where(profile_content.c.sha512.in_(digests))
        kept = frozenset(await connection.scalars(query_kept))
    for one in listed:
        if one.id not in withdrawn and one.sha512 not in kept:
            await _fetch(ingest, one)
    return withdrawn


async def write_content(database: RoomDatabase, reference: ProfileReference, path: Path) -> None:
    """Write the bytes of a profile that is at hand to a local path."""
    async with database.reading() as connection:
        query = select(profile_content.c.content).where(profile_content.c.sha512 == reference.sha512)
        content: bytes = (await connection.execute(query)).scalar_one()
    await asyncio.to_thread(path.write_bytes, content)


async def _fetch(ingest: Ingest, reference: ProfileReference) -> None:
    known = (reference.profile, reference.version, reference.sha512, reference.size)
    content = await fetch_profile(ingest.calls, *known)
    async with ingest.database.begin() as tx:
        row = {"sha512": reference.sha512, "content": content}
        await tx.connection.execute(insert(profile_content).values(row).on_conflict_do_nothing())
