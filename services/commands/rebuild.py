"""``rebuild --from-site X``: what every database of the archive knew, from what lies on one of its sites."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from services import all_in_one
from services.commands.frame import ACTOR, UNAVAILABLE, Answer, Commands, Fault, add_command, at, opened, places
from services.local import files, stack
from services.local.settings import LocalSettings, is_told
from services.rebuild.house import House
from services.rebuild.report import Report
from services.rebuild.run import rebuild
from services.rebuild.scratch import scratch
from services.storage.settings import StorageSettings
from services.storage.sites import OpenSite, open_sites
from shared.configuration import read
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import StoreError
from shared.rooms import ROOMS
from shared.settings import RoomSettings

CONNECTIONS = 6
"""With each database: batches under way hold one each, and a large catalogue holds one for as long as it streams."""


class SiteAway(Fault):
    """The site that is read does not answer."""

    status = UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Told:
    """What each room is told, and storage of its sites."""

    rooms: Mapping[str, RoomSettings]
    storage: StorageSettings


def add_to(commands: Commands) -> None:
    """Add the command."""
    asking = add_command(commands, "rebuild", "make the databases again from one site of the archive", run)
    asking.add_argument("--from-site", required=True, metavar="SITE", help="the site that is read")
    asking.add_argument("--dry-run", action="store_true", help="read and judge what is there; write nothing")


def run(asked: argparse.Namespace) -> Answer:
    """Rebuild. The exit status is 1 where anything on the site, or in the databases, was not as it must be."""
    with _databases_there():
        report = asyncio.run(_rebuilt(_told(), asked.from_site, dry=asked.dry_run))
    facts = _facts(report)
    return Answer(facts, _lines(report), 1 if report.faults else 0)


@contextmanager
def _databases_there() -> Iterator[None]:
    """Open the database of an all-in-one for as long as the block lasts; any other is its operator's."""
    if is_told("CHARTRIER_DATABASE_URL") or stack.load(read(LocalSettings).home) is not None:
        yield
        return
    try:
        with all_in_one.at_rest(read(LocalSettings)):
            yield
    except files.HeldError as error:
        raise Fault("The archive runs here: stop it first.") from error


def _told() -> Told:
    """Return what all rooms are told. Raises `Fault` where this process may not speak for each of them."""
    found = {place.room: place for place in places()}
    if missing := [room for room in ROOMS if room not in found]:
        raise Fault(f"A rebuild speaks for every room; this process may not for {', '.join(missing)}.")
    rooms = {}
    for name, place in found.items():
        with at(place) as settings:
            rooms[name] = settings
    with at(found["storage"]):
        return Told(rooms, read(StorageSettings))


async def _rebuilt(told: Told, site: str, *, dry: bool) -> Report:
    report = Report()
    sites = open_sites(told.storage.sites)
    if site not in sites:
        raise Fault(f"No such site: {site}. Declared: {', '.join(sorted(sites))}.")
    try:
        with scratch() as kept:
            async with _databases(told.rooms) as rooms:
                await rebuild(House(rooms, site, sites[site].store, sorted(sites), kept, report, dry), ACTOR)
    except StoreError as error:
        raise SiteAway(f"{site} does not answer ({error}): what is back stays; run it again.") from error
    finally:
        await _close(sites)
    return report


@asynccontextmanager
async def _databases(told: Mapping[str, RoomSettings]) -> AsyncIterator[Mapping[str, RoomDatabase]]:
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(opened(settings, name, pool=CONNECTIONS))
            for name, settings in told.items()
        }


async def _close(sites: Mapping[str, OpenSite]) -> None:
    for one in sites.values():
        await one.store.close()


def _facts(report: Report) -> dict[str, Any]:
    seconds = {name: round(spent, 3) for name, spent in report.seconds.items()}
    return {
        "counts": dict(report.counts),
        "units_per_second": _speed(report),
        "seconds": seconds,
        "faults": dict(report.faults),
        "findings": [asdict(one) for one in report.findings],
        "heads": report.heads,
    }


def _speed(report: Report) -> int:
    return round(report.counts["units"] / max(report.seconds.get("packages", 0.0), 0.001))


def _lines(report: Report) -> list[str]:
    counts = [f"{count:>12} {name}" for name, count in sorted(report.counts.items())]
    spent = [f"{name}: {seconds:.1f} s" for name, seconds in report.seconds.items()]
    faults = [f"{count:>12} {code}" for code, count in sorted(report.faults.items())]
    end = ["Not as it must be (each is named above):", *faults] if faults else ["All is as it must be."]
    return [*counts, f"{', '.join(spent)}; {_speed(report)} units a second", *end]
