"""``rebuild --from-site X``: what every database of the archive knew, from what lies on one of its sites."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import text

from services import all_in_one
from services.commands.frame import ACTOR, UNAVAILABLE, Answer, Commands, Fault, add_command, at, opened_at, places
from services.local import files, stack
from services.local.settings import LocalSettings, is_told
from services.proof.rebuild_queries import has_lines
from services.rebuild.house import House
from services.rebuild.readiness import lacking
from services.rebuild.report import Report
from services.rebuild.run import rebuild
from services.rebuild.scratch import scratch
from services.storage.settings import StorageSettings
from services.storage.sites import OpenSite, open_sites
from shared.configuration import read
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import StoreError
from shared.rooms import ROOMS
from shared.settings import DatabaseUrl

CONNECTIONS = 6
"""With each database: batches under way hold one each, and a large catalogue holds one for as long as it streams."""


class SiteAway(Fault):
    """The site that is read does not answer."""

    status = UNAVAILABLE


class RebuildSettings(BaseSettings):
    """Where the rooms' databases are, for this one command: no room is told of another's."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    database_urls: dict[str, DatabaseUrl]
    """Room → address, each with the room's own role."""


@dataclass(frozen=True, slots=True)
class Told:
    """Where each room's database is, and what storage is told of its sites."""

    databases: Mapping[str, SecretStr]
    storage: StorageSettings


def add_to(commands: Commands) -> None:
    """Add the command."""
    asking = add_command(commands, "rebuild", "make the databases again from one site of the archive", run)
    asking.add_argument("--from-site", required=True, metavar="SITE", help="the site that is read")
    asking.add_argument("--dry-run", action="store_true", help="read and judge what is there; write nothing")
    unlogged = "take what no line of the write log tells of, though no other site has it"
    aside = "where what lines say is put aside, 5 KB for each AIP (default: the folder of temporary files)"
    asking.add_argument("--scratch", type=Path, metavar="FOLDER", help=aside)
    asking.add_argument("--take-unlogged", action="store_true", help=unlogged)


def run(asked: argparse.Namespace) -> Answer:
    """Rebuild. The exit status is 1 where anything on the site, or in the databases, was not as it must be."""
    with _told() as told:
        report = asyncio.run(_rebuilt(told, asked))
    return Answer(_facts(report), _lines(report), 1 if report.faults else 0)


@contextmanager
def _told() -> Iterator[Told]:
    """Say where everything is, and have it answer while the block lasts. Raises `Fault`.

    The database of an all-in-one that is stopped is opened for it; any other is its operator's to run.
    """
    if is_told("CHARTRIER_DATABASE_URLS"):
        yield Told(_complete(read(RebuildSettings).database_urls), read(StorageSettings))
    elif is_told("CHARTRIER_DATABASE_URL") or stack.load(read(LocalSettings).home) is not None:
        yield _told_by_places()
    else:
        try:
            with all_in_one.at_rest(read(LocalSettings)):
                yield _told_by_places()
        except files.HeldError as error:
            raise Fault("The archive runs here: stop it first.") from error


def _complete(found: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    if missing := sorted(set(ROOMS) - found.keys()):
        raise Fault(
            f"A rebuild speaks for every room; this process may not for {', '.join(missing)}: "
            "name all databases in CHARTRIER_DATABASE_URLS."
        )
    return found


def _told_by_places() -> Told:
    databases = {}
    for place in places():
        with at(place) as settings:
            databases[place.room] = settings.database_url
    _complete(databases)
    with at(places("storage")[0]):
        return Told(databases, read(StorageSettings))


async def _rebuilt(told: Told, asked: argparse.Namespace) -> Report:
    if asked.scratch is not None and not asked.scratch.is_dir():
        raise Fault(f"No such folder: {asked.scratch}.")
    report, site = Report(), asked.from_site
    sites = open_sites(told.storage.sites)
    if site not in sites:
        raise Fault(f"No such site: {site}. Declared: {', '.join(sorted(sites))}.")
    try:
        with scratch(asked.scratch) as kept:
            async with _databases(told.databases) as rooms:
                house = House(
                    rooms=rooms,
                    site=site,
                    store=sites[site].store,
                    sites=sorted(sites),
                    scratch=kept,
                    report=report,
                    dry=asked.dry_run,
                    others={name: one.store for name, one in sites.items() if name != site},
                    take_unlogged=asked.take_unlogged,
                )
                await _require_quiet(house)
                await rebuild(house, ACTOR)
    except StoreError as error:
        raise SiteAway(f"{site} does not answer ({error}): what is back stays; run it again.") from error
    finally:
        await _close(sites)
    return report


@asynccontextmanager
async def _databases(told: Mapping[str, SecretStr]) -> AsyncIterator[Mapping[str, RoomDatabase]]:
    async with AsyncExitStack() as opened:
        yield {
            room: await opened.enter_async_context(opened_at(told[room], room, pool=CONNECTIONS)) for room in ROOMS
        }


_OTHERS = text(
    """SELECT count(*) FROM pg_stat_activity
       WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()"""
)


async def _require_quiet(house: House) -> None:
    """Raise `Fault` while rooms run on journals or records that lack what the site has (`rebuild.readiness`)."""
    busy = []
    for name, database in house.rooms.items():
        async with database.reading() as connection:
            if await connection.scalar(_OTHERS):
                busy.append(name)
    if not busy:
        return
    async with house.rooms["proof"].reading() as connection:
        lacks = await lacking(house) if await has_lines(connection) else "any line of a journal"
    if lacks is not None:
        raise Fault(f"The databases lack {lacks}, and there are rooms that run: stop {', '.join(busy)} first.")


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
    """Return units a second over all steps: what whoever waits has of it."""
    return round(report.counts["units"] / max(sum(report.seconds.values()), 0.001))


def _lines(report: Report) -> list[str]:
    counts = [f"{count:>12} {name}" for name, count in sorted(report.counts.items())]
    spent = [f"{name}: {seconds:.1f} s" for name, seconds in report.seconds.items()]
    faults = [f"{count:>12} {code}" for code, count in sorted(report.faults.items())]
    end = ["Not as it must be (each is named above):", *faults] if faults else ["All is as it must be."]
    return [*counts, f"{', '.join(spent)}; {_speed(report)} units a second", *end]
