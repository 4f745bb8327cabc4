"""Storage tells what each site holds and what it is still owed."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from services.storage.domain.purges import Obstacle, Wait
from services.storage.handlers import WRITE
from services.storage.measures import SiteTotals, measure_purges, measure_waiting
from services.storage.queries import purges
from shared.clock import now
from tests.integration.storage.depot import Depot
from tests.integration.storage.purge_desk import PurgeDesk, an_order

pytestmark = pytest.mark.integration


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"chartrier_{name}", labels)


async def told(depot: Depot, *names: str, **labels: str) -> list[float | None]:
    totals = SiteTotals()
    await totals.measure_owed(depot.database)
    await totals.measure_totals(depot.database)
    await measure_waiting(depot.database)
    return [sample(name, **labels) for name in names]


async def test_copies_are_owed_then_written_then_held(depot: Depot) -> None:
    first = await depot.hand_over(b"a" * 1000)
    await depot.hand_over(b"b" * 500)

    assert await told(depot, "site_waiting", site="a", kind="write") == [2]
    assert (sample("site_waiting_oldest_seconds", site="a", kind="write") or 0) > 0
    assert sample("site_copies", site="a", state="to_write") == 2

    (held,) = (one for one in await depot.lease(WRITE) if one.key == f"{first.aip_id}/1/b")
    await depot.keeper.write(held)
    assert await told(depot, "site_waiting", site="b", kind="verify") == [1]
    assert sample("site_waiting", site="b", kind="write") == 1
    assert sample("site_copies", site="b", state="written") == 1

    await depot.release()
    await depot.work_off()
    await depot.work_off()
    assert await told(depot, "site_bytes", site="a") == [1500]
    assert [sample("site_copies", site=site, state="verified") for site in "ab"] == [2, 2]
    assert [sample("site_copies", site=site, state="to_write") for site in "ab"] == [0, 0]
    assert [sample("site_waiting", site="b", kind=kind) for kind in ("write", "verify")] == [0, 0]


async def usage(depot: Depot) -> list[tuple[int, int]]:
    rows = await depot.databases.as_superuser("SELECT bytes, copies FROM storage.usage ORDER BY site")
    return [(row["bytes"], row["copies"]) for row in rows]


async def test_what_a_worker_of_the_version_before_wrote_is_counted_with_the_next_measure(depot: Depot) -> None:
    await depot.hand_over(b"a" * 1000)
    await depot.hand_over(b"b" * 500)
    await depot.work_off()
    # It notes copies and knows no count of them; of one site it was the first to write.
    await depot.databases.as_superuser("UPDATE storage.usage SET bytes = 1000, copies = 1 WHERE site = 'a'")
    await depot.databases.as_superuser("DELETE FROM storage.usage WHERE site = 'b'")

    await SiteTotals().measure_totals(depot.database)

    assert await usage(depot) == [(1500, 2), (1500, 2)]


async def test_a_measure_never_counts_less_than_was_written(depot: Depot) -> None:
    await depot.hand_over(b"a" * 1000)
    await depot.work_off()
    await depot.databases.as_superuser("UPDATE storage.usage SET bytes = 3000, copies = 3")

    await SiteTotals().measure_totals(depot.database)

    assert await usage(depot) == [(3000, 3), (3000, 3)]


async def test_orders_to_purge_are_counted_until_their_end_and_timed_while_they_stand_still(depot: Depot) -> None:
    desk = PurgeDesk(depot)
    message = await desk.stored()
    await desk.order(order := an_order(message))
    await depot.databases.as_superuser("UPDATE storage.purge_order SET moved_at = now() - interval '2 days'")

    await measure_purges(depot.database)
    assert sample("purges_open", state="ordered") == 1
    assert (sample("purges_stalled_seconds") or 0) > 86400
    # A lock that ends tomorrow is nobody's to lift; a date that is over is no reason.
    for at, expected in ((now() + timedelta(days=1), False), (now() - timedelta(days=1), True)):
        async with depot.database.begin() as tx:
            await purges.await_at(tx.connection, order.order_id, "1/a", Wait(Obstacle.LOCKED, at))
        await measure_purges(depot.database)
        assert ((sample("purges_stalled_seconds") or 0) > 86400) is expected

    await desk.begin()
    await measure_purges(depot.database)
    assert (sample("purges_stalled_seconds") or 0) < 86400
    await desk.work_off()
    await measure_purges(depot.database)
    assert [sample("purges_open", state=state) for state in ("ordered", "deleting")] == [0, 0]


async def test_the_walk_over_all_copies_rests_and_goes_on_and_losses_are_told_before_its_end(depot: Depot) -> None:
    for number in range(5):
        await depot.hand_over(bytes([number]) * 100)
    await depot.work_off()
    await depot.databases.as_superuser("UPDATE storage.usage SET bytes = 0, copies = 0")
    await depot.databases.as_superuser("UPDATE storage.copy SET state = 'lost', lost_at = now() WHERE site = 'a'")
    hours = iter(range(1000))
    totals = SiteTotals(clock=lambda: 3 * next(hours), slice_of=1)  # three seconds between any two looks
    await SiteTotals().measure_owed(depot.database)
    before = sample("site_bytes", site="b")

    await totals.measure_owed(depot.database)
    await totals.measure_totals(depot.database)
    assert (sample("site_copies", site="a", state="lost"), sample("site_bytes", site="b")) == (5, before)
    await totals.measure_totals(depot.database)

    assert sample("site_bytes", site="b") == 500
    assert sample("site_copies", site="b", state="verified") == 5
    assert sample("site_copies", site="a", state="lost") == 5
    assert await usage(depot) == [(0, 0), (0, 0)], "what was read over hours may be purged by now"
