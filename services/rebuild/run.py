"""The whole of a rebuild, step by step; what it came to is journaled."""

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping

import rfc8785

from services.ingest.rebuilding import count_intake
from services.rebuild import gone
from services.rebuild.answering import without_silent
from services.rebuild.deposits import rebuild_refusals
from services.rebuild.house import House
from services.rebuild.journals import END_BELIEVED, rebuild_journals
from services.rebuild.packages import rebuild_packages
from services.rebuild.proofs import rebuild_proofs
from services.rebuild.purges import rebuild_purges
from services.rebuild.records import rebuild_records
from services.storage.rebuilding import count_again, fill_again, read_back_rebuilt
from shared.faults import fault_point
from shared.messages.journal import JournalLineV1

STEPS: tuple[tuple[str, Callable[[House], Awaitable[None]]], ...] = (
    ("journals", rebuild_journals),
    # Before any room may run: proof would begin its numbers anew, and seal again what was sealed.
    ("proofs", rebuild_proofs),
    ("records", rebuild_records),
    ("packages", rebuild_packages),
    ("refusals", rebuild_refusals),
    ("purges", rebuild_purges),
)

READABLE_AFTER = "records"
"""From here on the rooms may run: their chains go on, and they know whom they serve."""

STARTABLE = "The rooms may be started: what is back can be read."
NOT_STARTABLE = "The journals are not whole: rebuild from another site too before any room is started."

NO_GAP = frozenset({"site_empty", "site_away", END_BELIEVED})
"""Findings with which the journals of the site that is read may be whole all the same."""


async def rebuild(house: House, actor: str) -> None:
    """Bring back everything, and journal what came back; in a trial only look."""
    house = await without_silent(house)
    journals_whole = True
    for name, step in STEPS:
        house.report.say(f"{name}…")
        begun = time.monotonic()
        await step(house)
        journals_whole = journals_whole and not (name == "journals" and house.report.faults.keys() - NO_GAP)
        house.report.seconds[name] = time.monotonic() - begun
        if name == READABLE_AFTER and not house.dry:
            house.report.say(STARTABLE if journals_whole else NOT_STARTABLE)
    gone.missing(house)
    if not house.report.counts["AIPs"] + house.report.counts["records"]:
        house.report.fault("nothing_there", house.site, "neither an AIP nor a record: is it the right place?")
    if not house.dry:
        begun = time.monotonic()
        await _conclude(house, actor)
        house.report.seconds["conclusion"] = time.monotonic() - begun


async def _conclude(house: House, actor: str) -> None:
    await count_again(house.rooms["storage"])
    house.report.came("sites to fill", await fill_again(house.rooms["storage"]))
    await count_intake(house.rooms["ingest"])
    fault_point("rebuild.counted")
    house.report.came("copies to read back", await read_back_rebuilt(house.rooms["storage"]))
    async with house.rooms["proof"].begin() as tx:
        tx.journal(_line(house, actor))
    fault_point("rebuild.told")


def _line(house: House, actor: str) -> JournalLineV1:
    report = house.report
    counts = {name.replace(" ", "_").lower(): count for name, count in report.counts.items()}
    heads: Mapping[str, Mapping[str, int | str]] = report.heads
    return JournalLineV1(
        kind="events",
        action="archive.rebuilt",
        actor=actor,
        outcome="ko" if report.faults else "ok",
        object=f"site:{house.site}",
        details={
            **counts,
            "site": house.site,
            "findings": report.faults.total(),
            "journals": len(heads),
            "heads_sha512": hashlib.sha512(
                rfc8785.dumps({name: dict(end) for name, end in heads.items()})
            ).hexdigest(),
        },
    )
