"""``sites list|check|retire|keep|destroyed``: where the copies are, what room is left, whether all is as it must."""

import argparse
import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from services.commands import site_attestation, site_retirement
from services.commands.asking import in_room
from services.commands.frame import ACTOR, Answer, Commands, Fault, add_command, at, places
from services.storage.domain.copies import CopyState
from services.storage.queries import amounts
from services.storage.settings import SiteSettings, StorageSettings
from services.storage.site_survey import survey
from services.storage.sites import OpenSite, bucket_of, open_sites, purgers_bucket_of
from services.storage.space import site_spaces
from shared.configuration import read
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import StoreError
from shared.object_store.examination import Check, examine_bucket, examine_folder, volume_of

PATIENCE_SECONDS = 15.0
"""How long a site may take to answer before it is said to be away."""

SURVEYED = ("state", "since", "copies_left", "bytes_left", "done_by", "destroyed_at", "attested_by")
"""What the list of the declared sites takes from the survey of all."""

Found = TypeVar("Found")


def add_to(commands: Commands) -> None:
    """Add the command and those below it."""
    summary = "sites: list them, check them"
    below = commands.add_parser("sites", help=summary, description=summary).add_subparsers(
        required=True, metavar="list|check|retire|keep|destroyed"
    )
    add_command(below, "list", "name each site, what it holds, and how much room it has", run_list)
    checking = add_command(
        below, "check", "look whether each site is what it must be; nothing is left there", run_check
    )
    site_retirement.add_to(below)
    site_attestation.add_to(below)
    checking.add_argument("site", nargs="*", help="these only (default: every one)")


def run_list(_: argparse.Namespace) -> Answer:
    """Say of each site where it is, what it holds, and what room it has."""
    listed, surveyed = _in_storage(_listed)
    lines = [line for site in listed for line in _told(site)]
    away = [site for site in surveyed if not site["declared"]]
    lines += [f"{site['name']}: NOT DECLARED, {site_retirement.told(site)}" for site in away]
    return Answer({"sites": listed, "undeclared": away}, lines)


def run_check(asked: argparse.Namespace) -> Answer:
    """Look at each site. The exit status is 1 if anything is not as it must be."""

    async def check(database: RoomDatabase, own: StorageSettings) -> dict[str, list[Check]]:
        return await _checked(database, own, asked.site)

    found = _in_storage(check)
    facts = {
        name: [{"check": one.name, "ok": one.ok, "said": one.said} for one in checks]
        for name, checks in found.items()
    }
    lines = [
        f"{name:<16} {'ok ' if one.ok else 'NOT'} {one.name:<9} {one.said}" for name in found for one in found[name]
    ]
    return Answer({"sites": facts}, lines, 0 if all(one.ok for checks in found.values() for one in checks) else 1)


def _in_storage(act: Callable[[RoomDatabase, StorageSettings], Awaitable[Found]]) -> Found:
    """Do something as storage would. Exits with 78 where its sites are not declared as they must be."""
    (place,) = places("storage")
    with at(place):
        own = read(StorageSettings)
    return in_room(place, lambda database: act(database, own))


async def _listed(database: RoomDatabase, own: StorageSettings) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what there is to say of the declared sites, and the survey of all."""
    sites = open_sites(own.sites)
    try:
        states = {name: await _answers(site) for name, site in sites.items()}
        space = {one["name"]: one for one in await site_spaces(database, sites).look()}
    finally:
        for site in sites.values():
            await site.store.close()
    async with database.begin() as tx:
        totals = await amounts.totals(tx.connection)
        surveyed = {one["name"]: one for one in await survey(tx.connection, sites)}
        tx.journal(_line("sites.listed", {"sites": len(sites)}))
    copies: dict[str, Counter[str]] = defaultdict(Counter)
    size: Counter[str] = Counter()
    for name, state, count, total in totals:
        copies[name][state] += count
        size[name] += int(total) if state in (CopyState.WRITTEN, CopyState.VERIFIED) else 0
    listed = [
        {
            "name": name,
            "kind": sites[name].site.kind,
            "place": sites[name].site.place,
            "location": sites[name].site.location,
            "lock_mode": sites[name].site.lock or "none",
            "answers": states[name],
            **{key: surveyed[name][key] for key in SURVEYED},
            "copies": dict(copies[name]),
            "bytes": size[name],
            **{key: space[name][key] for key in ("full", "open_bytes", "free_bytes", "total_bytes")},
        }
        for name in sorted(sites)
    ]
    return listed, list(surveyed.values())


async def _answers(site: OpenSite) -> str:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await site.store.probe()
    except TimeoutError:
        return f"no answer within {PATIENCE_SECONDS:.0f} s"
    except StoreError as error:
        return str(error)
    return "ok"


def _told(site: Mapping[str, Any]) -> list[str]:
    copies = ", ".join(f"{count} {state}" for state, count in sorted(site["copies"].items())) or "none"
    room = "not known (a bucket without a quota)"
    if site["open_bytes"] is not None:
        room = f"{site['open_bytes']} bytes open to new deposits, {site['free_bytes']} free of {site['total_bytes']}"
    return [
        f"{site['name']}: {site['kind']}, {site['place']}, {site['location']}, lock {site['lock_mode']}",
        f"  answers: {site['answers']}",
        f"  state:   {site_retirement.told(site)}",
        f"  copies:  {copies}; {site['bytes']} bytes",
        f"  room:    {'FULL; ' if site['full'] else ''}{room}",
    ]


async def _checked(database: RoomDatabase, own: StorageSettings, wanted: Sequence[str]) -> dict[str, list[Check]]:
    for site in open_sites(own.sites).values():
        await site.store.close()
    declared = {site.name: site for site in own.sites}
    if unknown := sorted(set(wanted) - declared.keys()):
        raise Fault(f"No such site: {', '.join(unknown)}. Declared: {', '.join(sorted(declared))}.")
    chosen = sorted(wanted or declared)
    found = dict(zip(chosen, await asyncio.gather(*(_examined(declared[name]) for name in chosen)), strict=True))
    for name, shared in (await _on_one_volume(own.sites)).items():
        if name in found:
            found[name].append(
                Check("volume", ok=False, said=f"the same as that of {shared}: one disk, one disaster")
            )
    faults = sum(not one.ok for checks in found.values() for one in checks)
    async with database.begin() as tx:
        line = _line("sites.checked", {"sites": len(found), "faults": faults})
        tx.journal(line.model_copy(update={"outcome": "ko" if faults else "ok"}))
    return found


async def _examined(declared: SiteSettings) -> list[Check]:
    try:
        if declared.path is not None and declared.kind == "filesystem":
            return await _in_time(partial(examine_folder, Path(declared.path)))
        return await _in_time(partial(examine_bucket, bucket_of(declared), purgers_bucket_of(declared)))
    except TimeoutError:
        return [Check("there", ok=False, said=f"no answer within {PATIENCE_SECONDS:.0f} s")]


async def _in_time(question: Callable[[], Found]) -> Found:
    """Ask in a thread that nobody waits for at the end: of the loop's own, one that hangs would hold us.

    Raises TimeoutError.
    """
    told: Future[Found] = Future()

    def ask() -> None:
        try:
            told.set_result(question())
        except Exception as error:  # noqa: BLE001 (whoever asked hears of it)
            told.set_exception(error)

    # Running, so that giving it up cannot cancel what the thread is yet to answer.
    told.set_running_or_notify_cancel()
    Thread(target=ask, daemon=True).start()
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await asyncio.wrap_future(told)


async def _volume(declared: SiteSettings) -> int | None:
    if declared.kind != "filesystem" or declared.path is None:
        return None
    try:
        return await _in_time(partial(volume_of, Path(declared.path)))
    except TimeoutError:
        return None


async def _on_one_volume(declared: Sequence[SiteSettings]) -> dict[str, str]:
    """Return the folders that share a volume with another site's: name → the others' names."""
    volumes: dict[int, list[str]] = defaultdict(list)
    found = await asyncio.gather(*(_volume(site) for site in declared))
    for site, volume in zip(declared, found, strict=True):
        if volume is not None:
            volumes[volume].append(site.name)
    return {
        name: ", ".join(other for other in names if other != name)
        for names in volumes.values()
        if len(names) > 1
        for name in names
    }


def _line(action: str, details: dict[str, str | int]) -> JournalLineV1:
    return JournalLineV1(kind="events", action=action, actor=ACTOR, details=details)
