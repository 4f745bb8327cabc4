"""What admin puts away of webhooks: what is old, what waited for too long, what was removed, former secrets."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from services.admin import chores
from services.admin.chores import forget_deliveries, forget_former_secrets, forget_removed, give_up, seal_again
from services.admin.handlers.announcing import DELIVER
from services.admin.queries import deliveries
from services.admin.webhook_secrets import WebhookSeal
from shared.messaging.housekeeping import BATCH
from shared.messaging.work import lease
from tests.builders.receivers import plainly, receiving
from tests.integration.admin.desk import PATIENCE, PREFIX, Desk
from tests.integration.admin.house import SECRET

pytestmark = pytest.mark.integration

NOWHERE = "http://127.0.0.1:9/"


async def test_old_deliveries_are_forgotten_and_what_waits_never_is(desk: Desk) -> None:
    async with receiving() as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted(), desk.accepted())
        await desk.until(made["id"], "delivered", "delivered")
    await desk.hear(desk.accepted())
    await desk.databases.as_superuser("UPDATE admin.webhook_delivery SET created_at = now() - interval '99 days'")
    old = (await desk.deliveries(made["id"], state="delivered"))[0]["id"]
    await desk.databases.as_superuser(
        "UPDATE admin.webhook_delivery SET ended_at = now() - interval '31 days' WHERE id = $1", UUID(old)
    )

    assert await forget_deliveries(timedelta(days=30), desk.house.database) == 1
    assert [one["state"] for one in await desk.deliveries(made["id"])] == ["pending", "delivered"]


async def test_secrets_are_encrypted_again_when_that_of_the_rooms_has_changed(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await desk.webhook(receiver.url)
        await desk.client.post(f"{PREFIX}/{made['id']}/rotate-secret")
        seal = WebhookSeal("another" * 8, [SECRET])

        done = [await seal_again(seal, desk.house.database) for _ in range(2)]
        (kept,) = await desk.databases.as_superuser("SELECT secret, former_secret FROM admin.webhook")

    assert done == [1, 0]
    assert WebhookSeal("another" * 8).open(kept["former_secret"]) == made["secret"]
    assert WebhookSeal(SECRET).open(kept["secret"]) is None
    told = [line for line in await desk.house.lines() if line.action == "webhook.sealed_again"]
    assert [(line.actor, line.object) for line in told] == [("room:admin", f"webhook:{made['id']}")]


async def test_what_waits_for_longer_than_it_may_has_failed_and_may_be_sent_again(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted(), desk.accepted())
        old, young = reversed(await desk.deliveries(made["id"]))
        await asked_long_ago(desk, old["id"])

        given_up = [await give_up(desk.house.database) for _ in range(2)]
        shown = await desk.deliveries(made["id"], state="failed")
        (line,) = [line for line in await desk.house.lines() if line.action == "webhook.delivery_failed"]
        await desk.client.post(f"{PREFIX}/{made['id']}/deliveries/{old['id']}/replay")
        again = await give_up(desk.house.database)
        async with desk.working():
            came = {(await receiver.next()).message for _ in range(2)}
            await desk.until(made["id"], "delivered", "delivered")

    assert (given_up, again) == ([1, 0], 0)
    assert [(one["id"], one["next_attempt_at"]) for one in shown] == [(old["id"], None)]
    assert (line.details["delivery"], line.outcome, line.establishment) == (old["id"], "ko", desk.town)
    assert came == {old["message"], young["message"]}


@pytest.mark.parametrize(("status", "state"), [(204, "delivered"), (503, "failed")])
async def test_one_given_up_on_its_way_has_what_came_of_it(desk: Desk, status: int, state: str) -> None:
    async with receiving(lambda _: plainly(status)) as receiver:
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted())
        (delivery,) = await desk.deliveries(made["id"])

        async def given_up() -> None:
            assert await give_up(desk.house.database) == 1

        # Its turn came before the chore did.
        await asked_long_ago(desk, delivery["id"])
        await deliver_and(desk, given_up)
        (after,) = await desk.deliveries(made["id"])

    assert (after["state"], [one["status"] for one in after["attempts"]]) == (state, [status])


async def test_an_attempt_after_which_the_next_would_come_too_late_is_the_last(desk: Desk) -> None:
    async with receiving(lambda _: plainly(503, "Retry-After: 80000")) as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted())
        await desk.attempts(made["id"], 1)
        (delivery,) = await desk.deliveries(made["id"])
        await asked_long_ago(desk, delivery["id"], days=4.5)
        await desk.turn()
        (failed,) = await desk.until(made["id"], "failed")

    assert len(failed["attempts"]) == 2


async def test_however_much_waited_for_too_long_it_is_given_up_a_batch_at_a_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (chores, deliveries):
        monkeypatch.setattr(module, "GIVEN_UP_AT_ONCE", 2)
    made = await desk.webhook(NOWHERE)
    await desk.hear(*(desk.accepted() for _ in range(5)))
    for one in await desk.deliveries(made["id"]):
        await asked_long_ago(desk, one["id"])

    async with asyncio.timeout(PATIENCE), desk.house.database.begin() as tx:
        first = await deliveries.give_up(tx.connection)
        # Another process at this moment has the others.
        others = await give_up(desk.house.database)

    assert (len(first), others) == (2, 3)
    await desk.until(made["id"], *["failed"] * 5)


async def test_a_removed_endpoint_is_seen_no_more_and_its_log_goes_a_batch_at_a_time(desk: Desk) -> None:
    made, kept = await desk.webhook(NOWHERE), await desk.webhook(NOWHERE)
    await desk.hear(desk.accepted())
    await desk.databases.as_superuser(
        f"""INSERT INTO admin.webhook_delivery (id, webhook, message, event, body, state, ended_at)
            SELECT gen_random_uuid(), $1, gen_random_uuid(), 'webhook.test', '', 'failed', now()
            FROM generate_series(1, {BATCH})""",  # noqa: S608 (ours)
        UUID(made["id"]),
    )
    path = f"{PREFIX}/{made['id']}"

    removed = await desk.client.delete(path)
    await desk.hear(desk.accepted())
    left = await logs(desk)
    answers = [await desk.client.get(path), await desk.client.get(f"{path}/deliveries")]
    answers += [await desk.client.delete(path), await desk.client.patch(path, json={"state": "enabled"})]
    listed = (await desk.client.get(PREFIX)).json()["items"]
    async with asyncio.timeout(PATIENCE), desk.house.database.begin() as tx:
        batch = await deliveries.forget_of_removed(tx.connection)
        # Another process at this moment has the rest of the log, and leaves the endpoint until all of it has gone.
        others = await forget_removed(desk.house.database)
    rest = [await forget_removed(desk.house.database) for _ in range(2)]

    assert removed.status_code == 204
    # Nothing but the endpoint was touched, and nothing was added.
    assert left == {made["id"]: BATCH + 1, kept["id"]: 2}
    assert [(one.status_code, one.json()["code"]) for one in answers] == [(404, "not_found")] * len(answers)
    assert [one["id"] for one in listed] == [kept["id"]]
    assert (batch, others, rest) == (BATCH, 1, [1, 0])
    assert await logs(desk) == {kept["id"]: 2}
    assert await desk.databases.as_superuser("SELECT id FROM admin.webhook WHERE removed_at IS NOT NULL") == []


async def test_of_a_removed_endpoint_no_secret_is_kept_and_its_place_is_free(desk: Desk) -> None:
    made = [await desk.webhook(NOWHERE) for _ in range(20)]
    await desk.client.post(f"{PREFIX}/{made[0]['id']}/rotate-secret")
    await desk.client.delete(f"{PREFIX}/{made[0]['id']}")

    again = await desk.client.post(PREFIX, json={"url": NOWHERE, "events": ["transfer.accepted"]})

    (kept,) = await desk.databases.as_superuser(
        "SELECT *, rests_until > now() AS rests FROM admin.webhook WHERE removed_at IS NOT NULL"
    )
    assert (kept["secret"], kept["former_secret"]) == (b"", None)
    # So do workers of the release before leave it alone.
    assert (kept["state"], kept["rests"]) == ("disabled", True)
    assert again.status_code == 201


async def test_one_removed_while_it_is_told_is_told_nothing_more(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted(), desk.accepted())

        async def removed() -> None:
            assert (await desk.client.delete(f"{PREFIX}/{made['id']}")).status_code == 204

        await deliver_and(desk, removed)

    assert await desk.databases.as_superuser("SELECT id FROM admin.work") == []
    assert await forget_removed(desk.house.database) == 3
    assert receiver.came.qsize() == 1


async def test_a_former_secret_is_kept_for_as_long_as_it_signs(desk: Desk) -> None:
    made, over = await desk.webhook(NOWHERE), await desk.webhook(NOWHERE)
    for one in (made, over):
        await desk.client.post(f"{PREFIX}/{one['id']}/rotate-secret")
    await desk.databases.as_superuser(
        "UPDATE admin.webhook SET former_until = now() - interval '1 s' WHERE id = $1", UUID(over["id"])
    )

    done = [await forget_former_secrets(desk.house.database) for _ in range(2)]

    assert done == [1, 0]
    kept = await desk.databases.as_superuser("SELECT id, former_secret, former_until, secret FROM admin.webhook")
    by_id = {str(row["id"]): row for row in kept}
    assert (by_id[over["id"]]["former_secret"], by_id[over["id"]]["former_until"]) == (None, None)
    assert WebhookSeal(SECRET).open(by_id[over["id"]]["secret"]) is not None
    assert WebhookSeal(SECRET).open(by_id[made["id"]]["former_secret"]) == made["secret"]


async def test_each_of_these_is_a_chore_of_the_room(desk: Desk) -> None:
    done = {chore.do for chore in desk.house.room.chores}

    assert {forget_removed, give_up, forget_former_secrets} <= done


async def deliver_and(desk: Desk, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Have the one lane there is take a turn; something happens between the answer and its record."""
    (held,) = await lease(desk.house.database, [DELIVER], 1)

    async def post(*arguments: Any) -> object:  # noqa: ANN401 (those of the real one)
        answer = await desk.poster.post(*arguments)
        await meanwhile()
        return answer

    interrupted: Any = SimpleNamespace(post=post)
    await desk.courier(interrupted).deliver(held)


async def asked_long_ago(desk: Desk, delivery: str, days: float = 5.1) -> None:
    await desk.databases.as_superuser(
        "UPDATE admin.webhook_delivery SET asked_at = now() - $2::interval WHERE id = $1",
        UUID(delivery),
        timedelta(days=days),
    )


async def logs(desk: Desk) -> dict[str, int]:
    """Count the deliveries of each endpoint."""
    rows = await desk.databases.as_superuser("SELECT webhook, count(*) AS n FROM admin.webhook_delivery GROUP BY 1")
    return {str(row["webhook"]): row["n"] for row in rows}
