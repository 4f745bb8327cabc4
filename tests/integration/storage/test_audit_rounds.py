"""A round of a site ends, and is told, once every copy was read since it began; never before half a period."""

from dataclasses import replace

import pytest

from services.storage.audit_survey import Surveyor
from services.storage.pacing import Times
from shared.clock import now
from shared.object_store.errors import StoreUnavailable
from tests.integration.storage.audited import an_auditor, audit, sample, stored, watched
from tests.integration.storage.depot import Depot, spoil

pytestmark = pytest.mark.integration


async def began(depot: Depot, ago: str) -> None:
    await depot.databases.as_superuser(
        "UPDATE storage.audit_round SET began_at = now() - $1::text::interval WHERE ended_at IS NULL", ago
    )


async def test_a_round_ends_with_a_line_that_counts_what_was_found(depot: Depot) -> None:
    bad, *rest = await stored(depot, 3)
    await audit(depot)
    assert await depot.lines("audit.completed") == []
    await depot.databases.as_superuser("UPDATE storage.copy SET verified_at = now() - interval '10 days'")
    spoil(depot.file("a", (await depot.copies(bad.aip_id))["a"].key))
    await began(depot, "13 hours")

    await audit(depot)
    await depot.release()
    await audit(depot)

    lines = {line.details["site"]: line for line in await depot.lines("audit.completed")}
    assert sorted(lines) == ["a", "b"]
    a, b = lines["a"].details, lines["b"].details
    size = sum(message.size for message in rest)
    assert (a["copies"], a["bytes"], a["audited_copies"], a["lost"], a["unknown"], a["overlaid"]) == (
        2,
        size,
        6,
        1,
        0,
        0,
    )
    assert (b["copies"], b["bytes"], b["lost"]) == (3, size + bad.size, 0)
    assert lines["a"].kind == "archives"
    assert str(a["began_at"]) < str(a["ended_at"]) <= now().isoformat()


async def test_a_round_waits_for_its_last_copy_and_for_half_a_period(depot: Depot) -> None:
    first, *_ = await stored(depot, 2)
    key = (await depot.holding(first.aip_id)).key

    async def worn(asked: str) -> None:
        if asked == key:
            raise StoreUnavailable("Input/output error")

    await audit(depot)
    await depot.databases.as_superuser("UPDATE storage.copy SET verified_at = now() - interval '10 days'")
    await began(depot, "13 hours")
    await depot.release()
    await audit(watched(depot, "a", worn))

    assert [line.details["site"] for line in await depot.lines("audit.completed")] == ["b"]
    await depot.release()
    await audit(depot)
    assert [line.details["site"] for line in await depot.lines("audit.completed")] == ["b", "a"]
    # The next has begun, and is younger than that.
    await depot.release()
    await audit(depot)
    assert len(await depot.lines("audit.completed")) == 2


@pytest.mark.parametrize("state", ["purging", "refused"])
async def test_a_round_waits_for_nothing_that_nobody_reads(depot: Depot, state: str) -> None:
    gone, *rest = await stored(depot, 3)
    await audit(depot)
    await depot.databases.as_superuser("UPDATE storage.copy SET verified_at = now() - interval '10 days'")
    await depot.databases.as_superuser("UPDATE storage.holding SET state = $2 WHERE id = $1", gone.aip_id, state)
    await began(depot, "13 hours")
    await depot.release()

    await audit(depot)

    lines = await depot.lines("audit.completed")
    assert {line.details["site"]: line.details["copies"] for line in lines} == {"a": len(rest), "b": len(rest)}


async def test_a_round_ends_after_a_stint_that_leaves_something_due(depot: Depot) -> None:
    """A site where something always comes due ends its rounds all the same."""
    await stored(depot, 3)
    await audit(depot)
    await began(depot, "13 hours")
    await depot.databases.as_superuser("UPDATE storage.copy SET verified_at = now() - interval '12 hours 30 minutes'")
    await depot.release()
    passed = [0.0]

    async def slow(_key: str) -> None:
        passed[0] += 61

    one_hand = replace(depot, settings=depot.settings.model_copy(update={"audit_hands": 1}))
    await audit(depot, an_auditor(watched(one_hand, "a", slow), Times(lambda: passed[0])))

    assert "a" in {line.details["site"] for line in await depot.lines("audit.completed")}


async def test_how_long_a_round_has_lasted_is_told(depot: Depot) -> None:
    await stored(depot, 1)
    await audit(depot)
    await began(depot, "36 hours")

    await Surveyor(depot.database, ["a"], depot.settings).measure(depot.database)

    assert 1.4 < sample("audit_round_periods", site="a") < 1.6


async def test_what_was_counted_in_a_round_is_not_counted_in_the_next(depot: Depot) -> None:
    await stored(depot, 2)
    for _ in range(2):
        await audit(depot)
        await began(depot, "13 hours")
        await depot.release()
        await audit(depot)
        await depot.databases.as_superuser("UPDATE storage.copy SET verified_at = now() - interval '10 days'")
        await depot.release()

    counted = [line.details["audited_copies"] for line in await depot.lines("audit.completed")]
    assert counted == [2, 2, 2, 2]
