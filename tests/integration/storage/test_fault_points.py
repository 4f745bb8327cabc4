"""Death behind any side effect of storage leads to the same end: each place named in `shared.faults` is gone through.

Here the process dies as far as its own code can tell: what would come after a place is never reached, and whoever
comes next begins anew, with leases that have run out. Trial `fault-points` does the same with `kill -9`.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from shared import faults
from shared.faults import FAULT_POINTS
from shared.messages.journal import JournalLinesV1
from shared.messaging.chain import batch_digest
from tests.integration.storage.conftest import EMPTY, OpenDepot
from tests.integration.storage.depot import Depot
from tests.integration.storage.flows import Flow, Killed, flow_by

pytestmark = pytest.mark.integration

ON_BUCKETS = frozenset({"storage.audit.renewed"})
OF_STORAGE = sorted(name for name in FAULT_POINTS if name.startswith("storage."))


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


async def end_of(depot: Depot) -> dict[str, Any]:
    """What must be the same: what is kept where, what was told, what the journal says; times and ids aside."""
    rows = await depot.databases.as_superuser(
        "SELECT holding.state AS state, copy.site, copy.state AS copy_state, holding.key, copy.version_id, sha512"
        " FROM storage.holding JOIN storage.copy ON copy.holding = holding.id AND copy.version = holding.version"
    )
    copies = [(row["state"], row["site"], row["copy_state"], await lying(depot, dict(row))) for row in rows]
    batches = await depot.told(JournalLinesV1)
    told = await depot.databases.as_superuser("SELECT topic FROM storage.outbox")
    return {
        "copies": sorted(copies),
        "lines": Counter((line.action, line.outcome, line.object is None) for one in batches for line in one.lines),
        "told": Counter(row["topic"] for row in told if row["topic"] != JournalLinesV1.topic),
        "work": await depot.work(),
    }


async def lying(depot: Depot, row: Mapping[str, Any]) -> tuple[bool, int]:
    """Whether what lies under a key is whole, and in how many versions: none of it, once it is purged."""
    store = depot.sites[row["site"]].store
    versions = await store.versions(row["key"])
    found = await store.sha512(row["key"], row["version_id"]) if versions else None
    return found is not None and found.sha512 == row["sha512"], len(versions)


def assert_unbroken(batches: list[JournalLinesV1]) -> None:
    """The chain of storage's own batches has no gap and no second end."""
    previous = "0" * 128
    for number, batch in enumerate(sorted(batches, key=lambda one: one.batch), 1):
        assert (batch.batch, batch.previous) == (number, previous)
        assert batch.sha512 == batch_digest(batch.sender, batch.batch, batch.previous, batch.lines)
        previous = batch.sha512


@pytest.fixture(scope="module")
def undisturbed() -> dict[Flow, dict[str, Any]]:
    """How each flow ends when nobody dies: found out once for each."""
    return {}


@pytest.mark.parametrize("place", OF_STORAGE)
async def test_whoever_dies_there_the_end_is_the_same(
    place: str, open_depot: OpenDepot, struck: list[str], undisturbed: dict[Flow, dict[str, Any]]
) -> None:
    # Only what is locked is looked over, and renewed, after it was read.
    depot = await open_depot("buckets" if place in ON_BUCKETS else "folders")
    flow = flow_by(place)
    if flow not in undisturbed or place in ON_BUCKETS:
        undisturbed[flow] = await end_of(await flow(depot))
        await depot.databases.as_superuser(EMPTY)
    struck.append(place)

    after = await flow(depot)

    assert struck == [], f"{place} was never reached"
    assert await end_of(after) == undisturbed[flow]
    assert_unbroken(await depot.told(JournalLinesV1))
