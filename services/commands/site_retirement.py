"""``sites retire``: a site leaves the archive once the others hold all."""

import argparse
from collections.abc import Mapping
from typing import Any

from services.commands.asking import in_room
from services.commands.frame import ACTOR, Answer, Commands, Fault, add_command, at, places
from services.storage.domain.sites import SiteState
from services.storage.retiring import Begun, NotRetirable, retire
from services.storage.settings import StorageSettings
from shared.configuration import read
from shared.messaging.transaction import RoomDatabase


def add_to(below: Commands) -> None:
    """Add the command below `sites`."""
    retiring = add_command(below, "retire", "have a site's copies count no more, once the others hold all", run)
    retiring.add_argument("site", help="its name; it may be gone from the settings already")


def run(asked: argparse.Namespace) -> Answer:
    """Begin to retire a site; storage's workers do it. Refused while anything is not safe without it."""
    (place,) = places("storage")
    with at(place):
        own = read(StorageSettings)

    async def begin(database: RoomDatabase) -> Begun:
        return await retire(database, [site.site for site in own.sites], asked.site, ACTOR)

    try:
        begun = in_room(place, begin)
    except NotRetirable as error:
        raise Fault(str(error)) from error
    said = {
        SiteState.RETIRING: f"{begun.site} is being retired: `sites list` says how far. Nothing new goes there.",
        SiteState.RETIRED: f"{begun.site} is retired: it may be dropped from the settings.",
    }
    return Answer({"site": begun.site, "state": begun.state}, [said[begun.state]])


def told(site: Mapping[str, Any]) -> str:
    """Say of a surveyed site what becomes of it."""
    left = f"; {site['copies_left']} copies left, {site['bytes_left']} bytes" if site["copies_left"] else ""
    until = f", done by {site['done_by']}" if site["done_by"] else ""
    return f"{site['state']} since {site['since'] or 'now'}{left}{until}"
