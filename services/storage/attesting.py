"""A retired site was destroyed with all it had: nobody can look there any more, so somebody attests it."""

import asyncio
from collections.abc import Mapping

from services.storage.domain.sites import SiteState
from services.storage.lines import site_line
from services.storage.queries import sites
from services.storage.sites import OpenSite
from shared.checksums import sha512_of
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import StoreError

PATIENCE_SECONDS = 15.0
"""How long a site that is still declared may take to answer before it is taken to be silent."""


class NotAttestable(Exception):
    """Nothing was changed; the text says why."""


async def attest_destroyed(
    database: RoomDatabase, opened: Mapping[str, OpenSite], name: str, attested_by: str, actor: str
) -> str:
    """Note who attests that a retired site was destroyed, and return who does; it is noted once, for ever.

    Purges then count its copies as gone where nobody can look, and their records name the attestation. Raises
    `NotAttestable` for a site that is unknown, or not retired: what counts may still be there; and for one that is
    declared (`opened`) and answers: what it has can be deleted, and looked for.
    """
    if not attested_by.strip():
        raise NotAttestable("Say who attests it, and by what: --attested-by TEXT.")
    async with database.reading() as connection:
        known = await sites.known(connection)
    if name not in known:
        raise NotAttestable(f"No site {name}. Known: {', '.join(known) or 'none yet'}.")
    if known[name].state is not SiteState.RETIRED:
        raise NotAttestable(f"{name} is {known[name].state}: only what is retired can be attested to be destroyed.")
    if known[name].attested_by is None and name in opened and await _answers(opened[name]):
        raise NotAttestable(f"{name} answers: purges empty it, and prove that, while it is declared.")
    return await _attest(database, name, attested_by, actor)


async def _attest(database: RoomDatabase, name: str, attested_by: str, actor: str) -> str:
    # What is retired stays so, and of two who attest one is the first.
    async with database.begin() as tx:
        if await sites.attest(tx.connection, name, attested_by):
            line = site_line("site.destroyed", name, actor)
            # It may name a person: the words are in the record of the site, and in those of purges.
            details = {**line.details, "attested_sha512": sha512_of(attested_by.encode())}
            tx.journal(line.model_copy(update={"details": details}))
            return attested_by
        return (await sites.known(tx.connection))[name].attested_by or attested_by


async def _answers(site: OpenSite) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await site.store.probe()
    except (TimeoutError, StoreError):
        return False
    return True
