"""Death behind any side effect of storage leads to the same end: each place named in `shared.faults` is gone through.

Here the process dies as far as its own code can tell: what would come after a place is never reached, and whoever
comes next begins anew, with leases that have run out. Trial `fault-points` does the same with `kill -9`.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from services.storage.deleting import PURGE
from services.storage.handlers import VERIFY, WRITE
from services.storage.purge_orders import BEGIN, Beginner
from services.storage.purging import Purger
from services.storage.restore_testing import RESTORE, RestoreTester, plan_tests
from shared import faults
from shared.faults import FAULT_POINTS
from shared.messages.journal import JournalLinesV1
from shared.messaging.chain import batch_digest
from shared.messaging.lease import Lane, Lease
from tests.integration.storage.conftest import EMPTY
from tests.integration.storage.depot import Depot
from tests.integration.storage.purge_desk import PurgeDesk, an_order

pytestmark = pytest.mark.integration

MONTH = timedelta(days=30)
OF_STORAGE = sorted(name for name in FAULT_POINTS if name.startswith("storage."))


class Killed(BaseException):
    """The process is no more."""


@pytest.fixture
def struck(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names to strike at, once each; what is left of them afterwards was never reached."""
    names: list[str] = []

    def strike(name: str) -> None:
        if name in names:
            names.remove(name)
            raise Killed(name)

    monkeypatch.setattr(faults, "strike", strike)
    return names


Job = Callable[[Lease], Awaitable[None]]


async def work_off(depot: Depot) -> None:
    """Do all work, by whoever comes: a job that is killed is taken up by the next, with nothing of the last's."""
    while True:
        await depot.release()
        held = [one for kind in jobs(depot) for one in await depot.lease(kind, *Lane)]
        if not held:
            return
        for one in held:
            try:
                await jobs(depot)[one.kind](one)
            except Killed:
                break  # with it goes whatever else it had in hand


def jobs(depot: Depot) -> Mapping[str, Job]:
    keeper = depot.keeper
    return {
        WRITE: keeper.write,
        VERIFY: keeper.verify,
        RESTORE: RestoreTester(depot.database, depot.sites).test,
        BEGIN: Beginner(depot.database, depot.sites).begin,
        PURGE: Purger(depot.database, depot.sites).purge,
    }


async def store(depot: Depot) -> None:
    await depot.hand_over(b"bytes of an AIP" * 1000)
    await work_off(depot)


async def restore(depot: Depot) -> None:
    await store(depot)
    await plan_tests(MONTH, depot.database)
    await work_off(depot)


async def purge(depot: Depot) -> None:
    message = await depot.hand_over(b"bytes of an AIP" * 1000)
    await work_off(depot)
    await PurgeDesk(depot).order(an_order(message))
    await work_off(depot)


FLOWS: Mapping[str, Callable[[Depot], Awaitable[None]]] = {
    "storage.write": store,
    "storage.verify": store,
    "storage.restore_test": restore,
    "storage.purge": purge,
}


async def end_of(depot: Depot) -> dict[str, Any]:
    """What must be the same: what is kept where, what was told, what the journal says; times and ids aside."""
    rows = await depot.databases.as_superuser(
        "SELECT holding.state AS state, copy.site, copy.state AS copy_state, holding.key, copy.version_id, sha512"
        " FROM storage.holding JOIN storage.copy ON copy.holding = holding.id AND copy.version = holding.version"
    )
    copies = [(row["state"], row["site"], row["copy_state"]) for row in rows]
    for row in rows:
        if row["copy_state"] == "purged":
            assert await depot.sites[row["site"]].store.versions(row["key"]) == []
            continue
        found = await depot.sites[row["site"]].store.sha512(row["key"], row["version_id"])
        assert found.sha512 == row["sha512"]
        assert len(await depot.sites[row["site"]].store.versions(row["key"])) == 1
    batches = await depot.told(JournalLinesV1)
    told = await depot.databases.as_superuser("SELECT topic FROM storage.outbox")
    return {
        "copies": sorted(copies),
        "lines": Counter((line.action, line.outcome, line.object is None) for one in batches for line in one.lines),
        "told": Counter(row["topic"] for row in told if row["topic"] != JournalLinesV1.topic),
        "work": await depot.work(),
    }


def assert_unbroken(batches: list[JournalLinesV1]) -> None:
    """The chain of storage's own batches has no gap and no second end."""
    previous = "0" * 128
    for number, batch in enumerate(sorted(batches, key=lambda one: one.batch), 1):
        assert (batch.batch, batch.previous) == (number, previous)
        assert batch.sha512 == batch_digest(batch.sender, batch.batch, batch.previous, batch.lines)
        previous = batch.sha512


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, dict[str, Any]]:
    """How each flow ends when nobody dies: found out once for each."""
    return {}


@pytest.mark.parametrize("place", OF_STORAGE)
async def test_whoever_dies_there_the_end_is_the_same(
    place: str, depot: Depot, struck: list[str], undisturbed: dict[str, dict[str, Any]]
) -> None:
    flow = place.rpartition(".")[0]
    if flow not in undisturbed:
        await FLOWS[flow](depot)
        undisturbed[flow] = await end_of(depot)
        await depot.databases.as_superuser(EMPTY)
    struck.append(place)

    await FLOWS[flow](depot)

    assert struck == [], f"{place} was never reached"
    assert await end_of(depot) == undisturbed[flow]
    assert_unbroken(await depot.told(JournalLinesV1))
