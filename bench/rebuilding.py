"""How fast an archive comes back from one site: one AIP of many units, and many AIPs of one unit each.

On a database of its own, beside the archive that the bench has started and that has nothing to do meanwhile.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from bench.archives import Archive
from bench.figures import Figure, Outcome, Verdict
from bench.kept_sites import SITES, KeptSite
from bench.options import Options
from bench.processes import Watch
from services.local import postgres, postgres_roles
from services.local.postgres import Postgres
from services.rebuild.house import House
from services.rebuild.report import Report
from services.rebuild.run import rebuild
from services.rebuild.scratch import scratch
from shared.database.engine import role_of, room_engine
from shared.database.migrations import upgrade_all
from shared.messaging.transaction import RoomDatabase
from shared.object_store.filesystem_site import FilesystemSite
from shared.rooms import ROOMS

UNITS_A_SECOND = 2_000.0
"""The budget of STO-04, over all steps of a rebuild."""

CONNECTIONS = 6


def rebuilding(archive: Archive, options: Options, folder: Path) -> Outcome:
    """Rebuild from a site with one large AIP, then from one with many small ones."""
    large, small = KeptSite(seed=f"large {options.seed}"), KeptSite(seed=f"small {options.seed}")
    large.found()
    large.deposit(options.rebuild_units)
    small.found()
    for _ in range(options.rebuild_small):
        small.deposit()
    server = postgres.start(folder / "postgres")
    try:
        with Watch(ROOMS) as watch:
            reports = [_rebuilt(server, site, folder) for site in (large, small)]
    finally:
        postgres.stop(folder / "postgres")
    speed = _a_second(reports[0])
    figures = (
        Figure("units a second, one AIP", speed, "units/s"),
        Figure("units a second, AIPs of one unit", _a_second(reports[1]), "units/s"),
        Figure("journal lines a second", _lines_a_second(reports[1]), "lines/s"),
        Figure("seconds in all", sum(sum(report.seconds.values()) for report in reports), "s"),
    )
    verdicts = (Verdict("units a second", speed, UNITS_A_SECOND, at_most=False),)
    designed = options.rebuild_units == 100_000
    return Outcome(archive.mode, "rebuild", 1, figures, verdicts if designed else (), watch.result)


def _a_second(report: Report) -> float:
    """Return units a second over the whole of a rebuild, journals and all."""
    return report.counts["units"] / sum(report.seconds.values())


def _lines_a_second(report: Report) -> float:
    return report.counts["journal lines"] / report.seconds["journals"]


def _rebuilt(server: Postgres, site: KeptSite, folder: Path) -> Report:
    name = "rebuilt_" + site.establishment.hex
    site.close()
    site.write_to(folder / name)
    asyncio.run(postgres_roles.provision(server.superuser_url, name))
    upgrade_all(server.url(postgres_roles.OWNER, name))
    report = asyncio.run(_run(server, name, folder / name))
    if report.faults:
        raise AssertionError(f"what was made for the bench is not as it must be: {report.findings[:3]}")
    return report


async def _run(server: Postgres, name: str, folder: Path) -> Report:
    report = Report(say=lambda _: None)
    store = FilesystemSite(folder)
    await store.prepare()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        rooms = {}
        for room in ROOMS:
            engine = room_engine(server.url(role_of(room), name), room, pool=CONNECTIONS)
            stack.push_async_callback(engine.dispose)
            rooms[room] = RoomDatabase(engine, room)
        with scratch() as facts:
            # The other site has the same: no line tells of the last container of the write log.
            house = House(rooms, SITES[0], store, SITES, facts, report, others={SITES[1]: store})
            await rebuild(house, "operator:bench")
    return report
