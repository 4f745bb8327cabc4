"""A transfer goes a step further, and whoever may know is told: signed, once an endpoint, until it is heard."""

import json

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from tests.builders.callers import BASE
from tests.builders.receivers import receiving
from tests.integration.admin.desk import PREFIX, Desk, a_desk

pytestmark = pytest.mark.integration


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


async def test_each_event_leads_to_what_can_be_had(desk: Desk) -> None:
    async with receiving() as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        told = []
        for message in (desk.acknowledged(), desk.rejected(), desk.rejected(reply_key=None)):
            await desk.hear(message)
            told.append((await receiver.next()).verified(made["secret"]))

    assert [(one["type"], sorted(one["data"]["links"]), one["data"]["findings"]) for one in told] == [
        ("transfer.acknowledged", ["acknowledgement", "transfer"], []),
        ("transfer.rejected", ["acknowledgement", "reply", "report", "transfer"], ["OBJECT_DIGEST_MISMATCH"]),
        ("transfer.rejected", ["report", "transfer"], ["OBJECT_DIGEST_MISMATCH"]),
    ]


async def test_an_archivist_is_reminded_of_decisions_and_nobody_else(desk: Desk) -> None:
    both = ["transfer.accepted", "transfer.decision_due"]
    archivist = await a_desk(desk.house, desk.databases, "archivist")
    async with receiving() as receiver, archivist.working():
        refused = await desk.client.post(PREFIX, json={"url": receiver.url, "events": both})
        made = await archivist.webhook(receiver.url, both)
        message = archivist.reminded(overdue=True)
        await archivist.hear(message)
        sent = await receiver.next()
    await archivist.names.close()

    assert (refused.status_code, refused.json()["code"]) == (403, "event_not_yours")
    assert refused.json()["events"] == ["transfer.decision_due"]
    told = sent.verified(made["secret"])
    assert told["type"] == "transfer.decision_due"
    assert (told["data"]["decide_by"], told["data"]["overdue"]) == ("2026-03-04T09:00:00.000Z", True)
    assert sorted(told["data"]["links"]) == ["decision", "report", "transfer"]


async def test_a_producer_hears_what_came_of_a_restore_test_and_a_depositor_may_not_ask_for_it(desk: Desk) -> None:
    producer = await a_desk(desk.house, desk.databases, "producer")
    events = ["aip.restore_tested"]
    async with receiving() as receiver, producer.working():
        refused = await desk.client.post(PREFIX, json={"url": receiver.url, "events": events})
        made = await producer.webhook(receiver.url, events)
        message = producer.restore_tested(outcome="lost")
        await producer.hear(producer.restore_tested(establishment=desk.town), message)
        sent = await receiver.next()
    await producer.names.close()

    assert (refused.status_code, refused.json()["events"]) == (403, events)
    told = sent.verified(made["secret"])
    assert (sent.message, told["type"]) == (str(message.message_id), "aip.restore_tested")
    assert told["data"] == {
        "establishment": str(producer.town),
        "aip": str(message.aip_id),
        "site": "a",
        "outcome": "lost",
        "tested_at": "2026-03-04T09:00:00.000Z",
        "links": {"restore_tests": f"{BASE}/storage/v1/restore-tests?establishment={producer.town}"},
    }


async def test_a_message_of_the_release_before_names_no_agreement(desk: Desk) -> None:
    async with receiving() as receiver, desk.working():
        await desk.webhook(receiver.url)
        await desk.hear(desk.accepted(agreement=None))
        sent = await receiver.next()

    assert json.loads(sent.body)["data"]["agreement"] is None


async def test_what_is_told_twice_is_delivered_once_to_each_endpoint(desk: Desk) -> None:
    async with receiving() as one, receiving() as other, desk.working():
        first, second = await desk.webhook(one.url), await desk.webhook(other.url)
        message = desk.accepted()
        await desk.hear(message)
        await desk.hear(message)
        await desk.databases.as_superuser("DELETE FROM admin.inbox")
        await desk.hear(message)
        sent = [await one.next(), await other.next()]
        await desk.until(first["id"], "delivered")
        await desk.until(second["id"], "delivered")

    assert {each.message for each in sent} == {str(message.message_id)}
    assert (one.came.empty(), other.came.empty()) == (True, True)


async def test_many_messages_of_one_batch_reach_an_endpoint_one_after_the_other(desk: Desk) -> None:
    async with receiving() as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        messages = [desk.accepted() for _ in range(4)] + [desk.rejected() for _ in range(4)]
        await desk.hear(*messages)
        came = {(await receiver.next()).message for _ in messages}
        await desk.until(made["id"], *["delivered"] * 8)

    assert came == {str(message.message_id) for message in messages}


async def test_an_endpoint_hears_what_it_asked_for_where_its_owner_may_read(desk: Desk) -> None:
    foreign = (await desk.house.establishment())["id"]
    async with receiving() as receiver, desk.working():
        made = await desk.webhook(receiver.url, ["transfer.accepted"])
        heard = desk.accepted()
        await desk.hear(desk.acknowledged(), desk.rejected(), desk.accepted(establishment=foreign), heard)
        sent = await receiver.next()
        await desk.until(made["id"], "delivered")

    assert sent.message == str(heard.message_id)
    assert receiver.came.empty()


async def test_an_endpoint_may_be_for_some_establishments_only(desk: Desk) -> None:
    other = await desk.house.establishment()
    made = await desk.house.credentials((str(desk.town), ["depositor"]), (other["id"], ["depositor"]))
    desk.client = desk.house.caller((await desk.house.ask_token(made)).json()["access_token"])
    async with receiving() as receiver, desk.working():
        webhook = await desk.webhook(receiver.url, establishments=[other["identifier"]])
        heard = desk.accepted(establishment=other["id"])
        await desk.hear(desk.accepted(), heard)
        sent = await receiver.next()
        await desk.until(webhook["id"], "delivered")

    assert webhook["establishments"] == [other["id"]]
    assert sent.message == str(heard.message_id)


@pytest.mark.parametrize(
    "lost",
    [
        "UPDATE admin.client SET state = 'disabled' WHERE id = $1",
        "DELETE FROM admin.mandate WHERE client = $1",
        "UPDATE admin.mandate SET roles = '{reader}' WHERE client = $1",
    ],
)
async def test_who_may_no_longer_read_hears_nothing_of_what_waits_or_comes(desk: Desk, lost: str) -> None:
    async with receiving() as receiver:
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted())
        await desk.databases.as_superuser(lost, desk.credentials["client_id"])
        async with desk.working():
            await desk.until(made["id"], "withdrawn")
        await desk.hear(desk.accepted())

    assert receiver.came.empty()
    assert [one["state"] for one in await desk.deliveries(made["id"])] == ["withdrawn"]


async def test_during_an_overlap_both_secrets_sign_and_after_it_the_new_one_alone(desk: Desk) -> None:
    async with receiving() as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        path = f"/admin/v1/webhooks/{made['id']}"
        rotated = (await desk.client.post(f"{path}/rotate-secret", json={"overlap_seconds": 3600})).json()
        await desk.hear(desk.accepted())
        during = await receiver.next()
        await desk.databases.as_superuser("UPDATE admin.webhook SET former_until = now()")
        await desk.hear(desk.accepted())
        after = await receiver.next()

    for secret in (made["secret"], rotated["secret"]):
        during.verified(secret)
    assert len(during.headers["webhook-signature"].split()) == 2
    after.verified(rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        after.verified(made["secret"])


async def test_a_leaked_secret_signs_nothing_more(desk: Desk) -> None:
    async with receiving() as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        path = f"/admin/v1/webhooks/{made['id']}/rotate-secret"
        rotated = (await desk.client.post(path, json={"overlap_seconds": 0})).json()
        await desk.hear(desk.accepted())
        sent = await receiver.next()

    assert rotated["former_secret_until"] is None
    with pytest.raises(WebhookVerificationError):
        sent.verified(made["secret"])
    sent.verified(rotated["secret"])
