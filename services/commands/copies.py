"""``copies damaged|restore``: what no site has a good copy of any more, and its bytes put back from outside."""

import argparse
import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from services.commands.asking import at_least_one, in_room, table
from services.commands.frame import ACTOR, Answer, Commands, Fault, add_command, at, places
from services.storage.queries import damage
from services.storage.restoring import NotRestorable, Restored, Restorer
from services.storage.settings import StorageSettings
from services.storage.sites import open_sites
from shared.configuration import read
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase

LISTED = 1000


def add_to(commands: Commands) -> None:
    """Add the command and those below it."""
    summary = "copies: name what is damaged, put its bytes back"
    below = commands.add_parser("copies", help=summary, description=summary).add_subparsers(
        required=True, metavar="damaged|restore"
    )
    add_command(below, "damaged", "name what no site has a good copy of", run_damaged)
    restoring = add_command(below, "restore", "write the right bytes to every site that lost them", run_restore)
    restoring.add_argument("id", type=UUID, help="of the AIP, or of the record, as `copies damaged` names it")
    restoring.add_argument("--version", type=at_least_one, help="where several are damaged")
    restoring.add_argument("--file", type=Path, required=True, help="the bytes, from a back-up: verified first")


def run_damaged(_: argparse.Namespace) -> Answer:
    """Name the first of what is damaged."""
    (place,) = places("storage")
    found = in_room(place, _damaged)
    if not found:
        return Answer({"damaged": []}, ["Nothing is damaged."])
    rows = [("id", "kind", "version", "size", "key")]
    rows += [(one["id"], one["kind"], str(one["version"]), str(one["size"]), one["key"]) for one in found]
    return Answer({"damaged": found}, table(rows), 1)


async def _damaged(database: RoomDatabase) -> list[dict[str, Any]]:
    async with database.begin() as tx:
        found = await damage.page(tx.connection, None, "", LISTED)
        tx.journal(JournalLineV1(kind="events", action="damage.listed", actor=ACTOR, details={"damaged": len(found)}))
    return [
        {
            "id": str(holding.id),
            "kind": holding.kind,
            "version": holding.version,
            "establishment": holding.establishment,
            "key": holding.key,
            "sha512": holding.sha512,
            "size": holding.size,
            "copies": {copy.site: copy.state for copy in copies},
        }
        for holding, copies in found
    ]


def run_restore(asked: argparse.Namespace) -> Answer:
    """Put the bytes back. The exit status is 1 where a site could not take them."""
    (place,) = places("storage")
    with at(place):
        own = read(StorageSettings)

    async def restore(database: RoomDatabase) -> Restored:
        sites = open_sites(own.sites)
        try:
            restorer = Restorer(database, sites, timedelta(days=own.retention_days))
            return await restorer.restore(asked.id, asked.file, ACTOR, asked.version)
        finally:
            await asyncio.gather(*(site.store.close() for site in sites.values()))

    try:
        done = in_room(place, restore)
    except NotRestorable as error:
        raise Fault(str(error)) from error
    facts = {"written": done.sites, "missed": done.missed}
    lines = [f"{site}: written; storage reads it back, and it counts then" for site in done.sites]
    lines += [f"{site}: NOT written: {why}" for site, why in done.missed.items()]
    return Answer(facts, lines, 1 if done.missed else 0)
