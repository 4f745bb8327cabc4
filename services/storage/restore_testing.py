"""Restore tests: now and then an AIP of each establishment is read back whole, as if one site were all that is left.

An audit proves that bytes are those that were stored; this proves that what was stored can be restored.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from prometheus_client import Counter, Gauge

from services.storage.bridging import bridged
from services.storage.domain.holdings import GOING, CopyKey, Holding
from services.storage.domain.packages import Package
from services.storage.domain.restore_tests import Outcome, RestoreTest, judged
from services.storage.doubts import DOUBT
from services.storage.handlers import work_key
from services.storage.lines import ACTOR
from services.storage.pipeline.package_check import check_package, told
from services.storage.queries import holdings, restore_tests
from services.storage.sites import OpenSite
from shared.checksums import Measure
from shared.clock import now
from shared.faults import fault_point
from shared.gauges import show
from shared.identifiers import new_id
from shared.messages.journal import JournalLineV1
from shared.messages.storage import RestoreTestedV1
from shared.messaging.housekeeping import first_id_at
from shared.messaging.lease import Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish
from shared.object_store.errors import NoSuchObject, StoreUnavailable

log = logging.getLogger(__name__)

RESTORE = "restore_test"
"""Read an AIP of an establishment back whole; the key is the establishment."""

TESTED = Counter("chartrier_restore_tests", "Restore tests", ("site", "outcome"))


OVERDUE = Gauge("chartrier_restore_tests_overdue", "Establishments of which nothing was tested for two periods")


FAILED = Gauge(
    "chartrier_restore_tests_failed", "Restore tests of the last day that found no whole package", ("site", "outcome")
)

TOLD_FOR = timedelta(days=1)
"""How long a failed test is shown: the next one of that establishment may take another package, and another site."""


async def measure_overdue(every: timedelta, database: RoomDatabase) -> None:
    """Set how many establishments wait for their test for too long."""
    async with database.reading() as connection:
        OVERDUE.set(len(await restore_tests.due(connection, 2 * every, stored_before=2 * every)))


async def measure_failed(database: RoomDatabase) -> None:
    """Set how many tests of the last day failed: counted where they are noted, lest a death behind that hide one."""
    async with database.reading() as connection:
        found = await restore_tests.failed_since(connection, first_id_at(now() - TOLD_FOR))
    show(FAILED, {place: float(count) for place, count in found.items()})


async def plan_tests(every: timedelta, database: RoomDatabase) -> int:
    """Ask for a test of each establishment that had none for that long; return how many there are."""
    async with database.begin() as tx:
        due = await restore_tests.due(tx.connection, every)
        await enqueue(tx, RESTORE, *(Piece(str(establishment), owner=str(establishment)) for establishment in due))
    return len(due)


class RestoreTester:
    """Reads AIPs back, one at a time."""

    def __init__(self, database: RoomDatabase, sites: Mapping[str, OpenSite]) -> None:
        self._database = database
        self._sites = sites
        for site in sites:
            for outcome in Outcome:
                TESTED.labels(site, outcome)

    async def test(self, held: Lease) -> None:
        """Test an AIP of the establishment from the site whose turn it is, and tell what came of it.

        A site that does not answer proves nothing: the test waits, and takes another AIP then.
        """
        establishment = UUID(held.key)
        chosen = await self._choose(establishment)
        if chosen is None:
            async with self._database.begin() as tx:
                await finish(tx, held)
            return
        holding, site, version_id = chosen
        found = await self._read(holding, site, version_id)
        fault_point("storage.restore_test.read")
        expected = Measure(holding.sha512, holding.size)
        test = _test(establishment, holding, site.site.name, found, judged(found, expected))
        async with self._database.begin() as tx:
            await _require_standing(tx, holding)
            await restore_tests.add(tx.connection, test)
            await _tell(tx, held, test, site)
            await finish(tx, held)
        fault_point("storage.restore_test.noted")
        TESTED.labels(test.site, test.outcome).inc()
        if test.outcome is not Outcome.WHOLE:
            log.error("a restore test failed", extra={"site": test.site, "key": holding.key, "outcome": test.outcome})

    async def _choose(self, establishment: UUID) -> tuple[Holding, OpenSite, str | None] | None:
        async with self._database.reading() as connection:
            key = await restore_tests.any_aip(connection, establishment)
            if key is None:
                return None
            name = await restore_tests.site_in_turn(connection, establishment, key, list(self._sites))
            if name is None:
                return None
            wanted: CopyKey = (*key, name)
            holding, copy = (await holdings.subjects(connection, [wanted]))[wanted]
        return holding, self._sites[name], copy.version_id

    async def _read(self, holding: Holding, site: OpenSite, version_id: str | None) -> Package | None:
        try:
            async with bridged(await site.store.open_range(holding.key, version_id)) as source:
                return await asyncio.to_thread(check_package, source, str(holding.id))
        except NoSuchObject:
            return None
        except StoreUnavailable as error:
            raise TryAgain(f"site {site.site.name}: {error}") from error


async def _require_standing(tx: Transaction, holding: Holding) -> None:
    """Raise `TryAgain` where an AIP was ordered to be purged while it was read: another is taken then."""
    key = (holding.id, holding.version)
    locked = await holdings.lock_holdings(tx.connection, [key])
    if locked[key].state in GOING:
        raise TryAgain(f"{holding.key} is being purged")


def _test(establishment: UUID, holding: Holding, site: str, found: Package | None, outcome: Outcome) -> RestoreTest:
    return RestoreTest(
        id=new_id(),
        establishment=establishment,
        aip=holding.id,
        version=holding.version,
        site=site,
        outcome=outcome,
        members=0 if found is None else found.members,
        bytes=0 if found is None else found.bytes,
        faults=[] if found is None else list(map(told, found.faults)),
        tested_at=now(),
    )


async def _tell(tx: Transaction, held: Lease, test: RestoreTest, site: OpenSite) -> None:
    tx.post(
        RestoreTestedV1(
            establishment=test.establishment,
            aip_id=test.aip,
            version=test.version,
            test_id=test.id,
            site=test.site,
            place=site.site.place,
            outcome=test.outcome.value,
            tested_at=test.tested_at,
        ),
        cause=held.cause,
    )
    tx.journal(
        JournalLineV1(
            kind="archives",
            action="aip.restore_tested",
            actor=ACTOR,
            outcome="ok" if test.outcome is Outcome.WHOLE else "ko",
            object=f"aip:{test.aip}",
            establishment=test.establishment,
            details={
                "version": test.version,
                "site": test.site,
                "outcome": test.outcome.value,
                "members": test.members,
                "faults": len(test.faults),
            },
        )
    )
    if test.outcome is Outcome.LOST:
        # Judged by another, and repaired: one such reading is no verdict on a copy.
        await enqueue(tx, DOUBT, Piece(work_key(test.aip, test.version, test.site), owner=str(test.establishment)))
