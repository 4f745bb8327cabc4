"""An order to destroy archives is written down, told and journaled once, whatever is asked again."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from services.admin.domain.purge import ContradictoryOrder, OrderConflict, PurgeOrder
from services.admin.handlers.purges import order_purge
from services.admin.queries import purges
from shared.clock import now
from shared.database.plumbing import outbox
from shared.identifiers import new_id
from shared.messages.admin import PurgeOrderedV1
from tests.integration.admin.house import House

pytestmark = pytest.mark.integration


def an_order(**changed: Any) -> PurgeOrder:  # noqa: ANN401 (any of its fields)
    order = PurgeOrder(
        id=new_id(),
        establishment=new_id(),
        aip=new_id(),
        scope="aip",
        units=(),
        list_sha512="1" * 128,
        visa_sha512="2" * 128,
        ordered_at=now(),
        ordered_by="client:tests",
    )
    return replace(order, **changed)


async def give(house: House, order: PurgeOrder) -> bool:
    async with house.database.begin() as tx:
        return await order_purge(tx, order)


async def told(house: House, order: PurgeOrder) -> list[PurgeOrderedV1]:
    query = select(outbox.c.body).where(outbox.c.topic == PurgeOrderedV1.topic)
    async with house.database.reading() as connection:
        found = [PurgeOrderedV1.model_validate_json(body) for body in await connection.scalars(query)]
    return [message for message in found if message.order_id == order.id]


async def test_an_order_is_written_down_told_and_journaled(house: House) -> None:
    order = an_order(scope="units", units=(new_id(), new_id()))

    assert await give(house, order)

    (message,) = await told(house, order)
    assert (message.aip_id, message.units, message.establishment) == (order.aip, order.units, order.establishment)
    assert (message.list_sha512, message.visa_sha512) == (order.list_sha512, order.visa_sha512)
    async with house.database.reading() as connection:
        assert await purges.get(connection, order.id) == order
    (line,) = [one for one in await house.lines() if one.object == f"purge:{order.id}"]
    assert (line.action, line.actor, line.details["aip"]) == ("purge.ordered", "client:tests", str(order.aip))


async def test_the_same_order_again_changes_nothing(house: House) -> None:
    await give(house, order := an_order())

    assert not await give(house, order)

    assert len(await told(house, order)) == 1


async def test_another_content_under_the_same_id_is_refused(house: House) -> None:
    await give(house, order := an_order())

    with pytest.raises(OrderConflict):
        await give(house, replace(order, visa_sha512="3" * 128))

    assert len(await told(house, order)) == 1


@pytest.mark.parametrize(("scope", "units"), [("units", ()), ("aip", (new_id(),))], ids=["none", "some"])
def test_an_order_that_contradicts_itself_cannot_be_given(scope: str, units: tuple[UUID, ...]) -> None:
    with pytest.raises(ContradictoryOrder, match=f"is on {scope}"):
        an_order(scope=scope, units=units)


async def test_units_are_given_sorted_and_once_each(house: House) -> None:
    first, second = new_id(), new_id()
    await give(house, order := an_order(scope="units", units=(second, first, second)))

    assert not await give(house, replace(order, units=(first, second)))

    (message,) = await told(house, order)
    assert (message.scope, message.units) == ("units", (first, second))
