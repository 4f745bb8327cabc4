"""A site that lost more than can be asked for at once gets it back by and by, in the order of holdings."""

import pytest

from services.storage.domain.copies import read_back
from services.storage.handlers import WRITE
from services.storage.repair_walk import RepairWalk, ask_for_repairs
from services.storage.repairing import REPAIR, Loss, lose
from services.storage.resting import Resting
from shared.clock import now
from shared.identifiers import new_id
from shared.messages.ingest import AipBuiltV1
from shared.messaging.outcome import TryAgain
from tests.integration.storage.depot import Depot
from tests.integration.storage.harm import CONTENT, repair, states, stored
from tests.integration.storage.moves import declare

pytestmark = pytest.mark.integration

MOST = 3


@pytest.fixture(autouse=True)
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("repairing", "repair_walk"):
        monkeypatch.setattr(f"services.storage.{module}.MOST_WAITING", MOST)


async def lost_on_a(depot: Depot, count: int) -> list[AipBuiltV1]:
    """Have a site lose copies, each found by itself as audits find them."""
    messages = [await stored(depot, CONTENT + bytes([number])) for number in range(count)]
    for message in messages:
        holding, copy = await depot.holding(message.aip_id), (await depot.copies(message.aip_id))["a"]
        depot.file("a", holding.key).unlink()
        async with depot.database.begin() as tx:
            await lose(tx, [Loss(holding, read_back(copy, None, new_id(), now()), None)])
    return messages


async def walk(depot: Depot) -> int:
    """Do the walk's next step, if there is one; return how many there were."""
    await depot.release()
    leases = await depot.lease(REPAIR)
    for held in leases:
        await RepairWalk(depot.database, sorted(depot.sites)).go_on(held)
    return len(leases)


async def test_no_more_repairs_wait_than_may_and_all_are_made_in_the_end(depot: Depot) -> None:
    await declare(depot)
    messages = await lost_on_a(depot, 8)
    assert await depot.work() == ["repair a", *["write a"] * MOST]

    rounds = 0
    while await walk(depot):
        assert (await depot.work()).count("write a") <= MOST
        await repair(depot)
        rounds += 1
        assert rounds < 20, "it does not end"

    assert [await states(depot, one) for one in messages] == [{"a": "verified", "b": "verified"}] * 8
    assert await depot.work() == []


async def test_the_walk_asks_for_nothing_while_enough_waits_and_for_as_many_as_there_is_room(depot: Depot) -> None:
    await declare(depot)
    await lost_on_a(depot, MOST + 1)
    assert await walk(depot) == await walk(depot) == 1
    assert await depot.work() == ["repair a", *["write a"] * MOST]

    await depot.databases.as_superuser(
        "DELETE FROM storage.work WHERE id = (SELECT min(id) FROM storage.work WHERE kind = $1)", WRITE
    )
    asked = await walk(depot)
    # There is room for one: the first that nobody has asked for.
    assert (asked, await depot.work()) == (1, ["repair a", *["write a"] * MOST])


async def test_a_copy_that_nobody_asked_for_is_found_within_the_hour(depot: Depot) -> None:
    await declare(depot)
    messages = await lost_on_a(depot, 2)
    await depot.databases.as_superuser("DELETE FROM storage.work")

    assert await ask_for_repairs(depot.database) == 1
    while await walk(depot):
        await repair(depot)

    assert [(await states(depot, one))["a"] for one in messages] == ["verified"] * 2
    assert await ask_for_repairs(depot.database) == 0


async def test_the_repairs_of_a_site_that_is_not_declared_wait(depot: Depot) -> None:
    await declare(depot)
    await lost_on_a(depot, MOST + 1)

    (held,) = await depot.lease(REPAIR)
    with pytest.raises(TryAgain, match="site a is no longer declared"):
        await RepairWalk(depot.database, ["b"]).go_on(held)


async def test_what_takes_long_rests_a_hundred_times_as_long() -> None:
    at, taken = 0.0, 0

    async def take() -> int:
        nonlocal at, taken
        at, taken = at + 10, taken + 1
        return taken

    resting = Resting(take, lambda: at)
    assert [await resting.look() for _ in range(3)] == [1, 1, 1]
    at += 999
    assert await resting.look() == 1
    at += 1
    assert await resting.look() == 2
