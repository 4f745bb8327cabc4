"""``sites destroyed``: an operator attests that a retired site is no more, so that purges need not wait for it."""

import argparse

from services.commands.asking import in_room
from services.commands.frame import ACTOR, Answer, Commands, Fault, add_command, places
from services.storage.attesting import NotAttestable, attest_destroyed
from shared.messaging.transaction import RoomDatabase


def add_to(below: Commands) -> None:
    """Add the command below `sites`."""
    attesting = add_command(below, "destroyed", "attest that a retired site was destroyed with all it had", run)
    attesting.add_argument("site", help="its name")
    attesting.add_argument(
        "--attested-by", required=True, metavar="TEXT", help="who attests it, and by what: a name, a report"
    )


def run(asked: argparse.Namespace) -> Answer:
    """Note the attestation, for ever. Refused for a site that is not retired."""
    (place,) = places("storage")

    async def attest(database: RoomDatabase) -> str:
        return await attest_destroyed(database, asked.site, asked.attested_by, ACTOR)

    try:
        attested_by = in_room(place, attest)
    except NotAttestable as error:
        raise Fault(str(error)) from error
    said = f"{asked.site} was destroyed, as attested by {attested_by}. Purges wait for it no more."
    return Answer({"site": asked.site, "attested_by": attested_by}, [said])
