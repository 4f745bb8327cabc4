"""A retired site was destroyed with all it had: nobody can look there any more, so somebody attests it."""

from services.storage.domain.sites import SiteState
from services.storage.lines import site_line
from services.storage.queries import sites
from shared.checksums import sha512_of
from shared.messaging.transaction import RoomDatabase


class NotAttestable(Exception):
    """Nothing was changed; the text says why."""


async def attest_destroyed(database: RoomDatabase, name: str, attested_by: str, actor: str) -> str:
    """Note who attests that a retired site was destroyed, and return who does; it is noted once, for ever.

    Purges then count its copies as gone without looking, and their records name the attestation. Raises
    `NotAttestable` for a site that is unknown, or not retired: what counts may still be there.
    """
    if not attested_by.strip():
        raise NotAttestable("Say who attests it, and by what: --attested-by TEXT.")
    async with database.begin() as tx:
        known = await sites.known(tx.connection)
        if name not in known:
            raise NotAttestable(f"No site {name}. Known: {', '.join(known) or 'none yet'}.")
        if known[name].state is not SiteState.RETIRED:
            raise NotAttestable(
                f"{name} is {known[name].state}: only what is retired can be attested to be destroyed."
            )
        if await sites.attest(tx.connection, name, attested_by):
            line = site_line("site.destroyed", name, actor)
            # It may name a person: the words are in the record of the site, and in those of purges.
            details = {**line.details, "attested_sha512": sha512_of(attested_by.encode())}
            tx.journal(line.model_copy(update={"details": details}))
            return attested_by
        return known[name].attested_by or attested_by
