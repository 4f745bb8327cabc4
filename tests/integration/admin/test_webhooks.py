"""A transfer goes a step further, and whoever may know is told: signed, once an endpoint, until it is heard."""

import json
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from services.admin.settings import AdminSettings
from tests.builders.receivers import receiving
from tests.integration.admin.conftest import open_house
from tests.integration.admin.desk import Desk, a_desk
from tests.servers import Databases

pytestmark = pytest.mark.integration

LOOPBACK = AdminSettings(webhook_http=True, webhook_networks=(ip_network("127.0.0.0/8"),))


@pytest.fixture
async def desk(databases: Databases) -> AsyncIterator[Desk]:
    house = await open_house(databases, LOOPBACK)
    yield await a_desk(house, databases)
    await house.close()


async def test_an_acceptance_is_told_signed_and_thin(desk: Desk) -> None:
    async with receiving() as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        message = desk.accepted()

        await desk.hear(message)
        sent = await receiver.next()

    assert sent.message == str(message.message_id)
    told = sent.verified(made["secret"])
    here = f"http://archive.test/ingest/v1/transfers/{message.transfer_id}"
    assert told["type"] == "transfer.accepted"
    assert told["data"] == {
        "transfer": str(message.transfer_id),
        "establishment": str(desk.town),
        "agreement": str(message.agreement),
        "findings": ["FILE_EMPTY"],
        "links": {"transfer": here, "acknowledgement": f"{here}/acknowledgement", "reply": f"{here}/reply"},
    }
    assert json.loads(sent.body) == told
