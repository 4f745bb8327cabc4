"""``sites retire|keep``: a site leaves the archive once the others hold all; or stays after all."""

import argparse
import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from services.commands.asking import in_room
from services.commands.frame import ACTOR, Answer, Commands, Fault, add_command, at, places
from services.storage.domain.sites import SiteState
from services.storage.retiring import Begun, NotRetirable, keep, retire
from services.storage.settings import StorageSettings
from services.storage.sites import open_sites
from shared.configuration import read
from shared.messaging.transaction import RoomDatabase


def add_to(below: Commands) -> None:
    """Add the command below `sites`."""
    retiring = add_command(below, "retire", "have a site's copies count no more, once the others hold all", run)
    retiring.add_argument("site", help="its name; it may be gone from the settings already")
    keeping = add_command(below, "keep", "have a site stay that is being retired", run_keep)
    keeping.add_argument("site", help="its name")


def run(asked: argparse.Namespace) -> Answer:
    """Begin to retire a site; storage's workers do it. Refused while anything is not safe without it."""
    (place,) = places("storage")
    with at(place):
        own = read(StorageSettings)

    async def begin(database: RoomDatabase) -> Begun:
        sites = open_sites(own.sites)
        try:
            return await retire(database, sites, asked.site, ACTOR, timedelta(days=own.audit_period_days))
        finally:
            await asyncio.gather(*(site.store.close() for site in sites.values()))

    try:
        begun = in_room(place, begin)
    except NotRetirable as error:
        raise Fault(str(error)) from error
    said = {
        SiteState.RETIRING: f"{begun.site} is being retired: `sites list` says how far. Nothing new goes there.",
        SiteState.RETIRED: f"{begun.site} is retired: it may be dropped from the settings.",
    }
    return Answer({"site": begun.site, "state": begun.state}, [said[begun.state]])


def run_keep(asked: argparse.Namespace) -> Answer:
    """Have a site stay that is being retired; storage's workers fill it with what it was already without."""
    (place,) = places("storage")
    try:
        kept = in_room(place, lambda database: keep(database, asked.site, ACTOR))
    except NotRetirable as error:
        raise Fault(str(error)) from error
    said = f"{kept.site} stays: it is read, and filled where it must be; `sites list` says how far."
    return Answer({"site": kept.site, "state": kept.state}, [said])


def told(site: Mapping[str, Any]) -> str:
    """Say of a surveyed site what becomes of it."""
    left = f"; {site['copies_left']} copies left, {site['bytes_left']} bytes" if site["copies_left"] else ""
    until = f", done by {site['done_by']}" if site["done_by"] else ""
    gone = ""
    if site["destroyed_at"]:
        gone = f"; destroyed, as attested on {site['destroyed_at']} by {site['attested_by']}"
    return f"{site['state']} since {site['since'] or 'now'}{left}{until}{gone}"
