"""Orders to purge: each is taken once, and only for what is there, whole, and whose it says."""

import pytest

from shared.identifiers import new_id
from shared.messages.storage import AipPurgedV1
from shared.messaging.outcome import Rejected, TryAgain
from tests.integration.storage.purge_desk import PurgeDesk, an_order

pytestmark = pytest.mark.integration


async def test_an_order_told_again_changes_nothing(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(order := an_order(message))
    await desk.order(order)
    await desk.work_off()
    await desk.order(order)

    assert len(await desk.depot.told(AipPurgedV1)) == 1
    assert await desk.depot.work() == []


async def test_another_content_under_the_same_id_is_refused(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(order := an_order(message))

    with pytest.raises(Rejected, match="another content"):
        await desk.order(order.model_copy(update={"visa_sha512": "3" * 128}))


async def test_an_order_of_another_establishment_is_refused(desk: PurgeDesk) -> None:
    mine, theirs = await desk.stored(), await desk.stored()

    with pytest.raises(Rejected, match="has no AIP"):
        await desk.order(an_order(mine).model_copy(update={"establishment": theirs.establishment}))

    assert await desk.depot.work() == []


async def test_an_aip_that_was_purged_cannot_be_ordered_away_again(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.purged(message)

    with pytest.raises(Rejected, match="purged before"):
        await desk.order(an_order(message))


async def test_a_second_order_waits_for_the_first(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(an_order(message))

    with pytest.raises(TryAgain, match="under way"):
        await desk.order(an_order(message))


async def test_an_aip_that_is_not_stored_yet_is_not_purged(desk: PurgeDesk) -> None:
    message = await desk.depot.hand_over()

    with pytest.raises(TryAgain, match="not stored yet"):
        await desk.order(an_order(message))


async def test_a_list_of_units_that_came_out_empty_does_not_destroy_the_whole(desk: PurgeDesk) -> None:
    message = await desk.stored()

    with pytest.raises(Rejected, match="names 0 units"):
        await desk.order(an_order(message).model_copy(update={"scope": "units"}))
    with pytest.raises(Rejected, match="names 1 units"):
        await desk.order(an_order(message, new_id()).model_copy(update={"scope": "aip"}))

    assert await desk.depot.work() == []


async def test_units_told_in_another_order_or_twice_are_the_same_order(desk: PurgeDesk) -> None:
    message = await desk.stored()
    first, second = new_id(), new_id()
    await desk.order(order := an_order(message, second, first, second))

    await desk.order(order.model_copy(update={"units": (first, second)}))

    assert (await desk.row(order)).units == (first, second)
