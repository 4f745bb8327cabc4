"""``sites destroyed``: an operator attests that a retired site is no more, so that purges need not wait for it."""

import argparse
import asyncio

from services.commands.asking import in_room
from services.commands.frame import ACTOR, Answer, Commands, Fault, add_command, at, places
from services.storage.attesting import NotAttestable, attest_destroyed
from services.storage.settings import StorageSettings
from services.storage.sites import open_sites
from shared.configuration import read
from shared.messaging.transaction import RoomDatabase


def add_to(below: Commands) -> None:
    """Add the command below `sites`."""
    attesting = add_command(below, "destroyed", "attest that a retired site was destroyed with all it had", run)
    attesting.add_argument("site", help="its name")
    attesting.add_argument(
        "--attested-by", required=True, metavar="TEXT", help="who attests it, and by what: a name, a report"
    )


def run(asked: argparse.Namespace) -> Answer:
    """Note the attestation, for ever. Refused for a site that is not retired, or is declared and answers."""
    (place,) = places("storage")
    with at(place):
        own = read(StorageSettings)

    async def attest(database: RoomDatabase) -> str:
        sites = open_sites(own.sites)
        try:
            return await attest_destroyed(database, sites, asked.site, asked.attested_by, ACTOR)
        finally:
            await asyncio.gather(*(site.store.close() for site in sites.values()))

    try:
        attested_by = in_room(place, attest)
    except NotAttestable as error:
        raise Fault(str(error)) from error
    said = f"{asked.site} was destroyed, as attested by {attested_by}. Purges wait for it no more."
    return Answer({"site": asked.site, "attested_by": attested_by}, [said])
