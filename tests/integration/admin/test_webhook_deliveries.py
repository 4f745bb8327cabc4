"""Receivers that fail, hang, are gone: tried again, given up, disabled, and nobody else waits for them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from services.admin.adapters.posting import Answer, Poster
from services.admin.domain.webhook import WAITS
from services.admin.handlers.announcing import DELIVER
from services.admin.measures import measure_webhooks
from services.admin.queries import deliveries
from shared.messaging.work import StaleLease, lease
from tests.builders.receivers import plainly, receiving
from tests.integration.admin.desk import HANDS, PREFIX, Desk, a_desk

pytestmark = pytest.mark.integration


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"chartrier_{name}", labels) or 0.0


async def test_a_failure_is_tried_again_later_under_the_same_id_and_each_attempt_is_shown(desk: Desk) -> None:
    statuses = [500, 404, 200]
    async with receiving(lambda _: plainly(statuses.pop(0))) as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        message = desk.accepted()
        await desk.hear(message)
        came = [await receiver.next()]
        for tries in (1, 2):
            await desk.attempts(made["id"], tries)
            await desk.turn()
            came.append(await receiver.next())
        (delivery,) = await desk.until(made["id"], "delivered")

    assert {one.message for one in came} == {str(message.message_id)} == {delivery["message"]}
    assert [one["status"] for one in delivery["attempts"]] == [500, 404, 200]
    assert all(one["reason"] is None and one["seconds"] >= 0 for one in delivery["attempts"])
    for one in came:
        one.verified(made["secret"])


async def test_waits_grow_and_a_receiver_may_ask_for_more(desk: Desk) -> None:
    answers = [plainly(503), plainly(503, "Retry-After: 5000"), plainly(503, "Retry-After: 99999999")]
    async with receiving(lambda _: answers.pop(0)) as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted())
        waits = []
        for tries in (1, 2, 3):
            await desk.attempts(made["id"], tries)
            (row,) = await desk.databases.as_superuser(
                "SELECT next_at - (attempts->-1->>'at')::timestamptz AS wait FROM admin.webhook_delivery"
            )
            waits.append(row["wait"].total_seconds())
            await desk.turn()

    assert waits == [
        pytest.approx(WAITS[0].total_seconds(), abs=30),
        pytest.approx(5000, abs=30),
        pytest.approx(86_400, abs=30),
    ]


async def test_after_the_last_attempt_it_has_failed_and_the_journal_says_so(desk: Desk) -> None:
    async with receiving(lambda _: plainly(500)) as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted())
        for tries in range(1, len(WAITS) + 1):
            await desk.attempts(made["id"], tries)
            await desk.turn()
        (delivery,) = await desk.until(made["id"], "failed")

    assert len(delivery["attempts"]) == len(WAITS) + 1
    (line,) = [line for line in await desk.house.lines() if line.details.get("delivery") == delivery["id"]]
    assert (line.action, line.outcome, line.establishment) == ("webhook.delivery_failed", "ko", desk.town)
    assert receiver.url not in line.model_dump_json()


async def test_one_that_hangs_costs_nobody_else_anything(desk: Desk) -> None:
    async with receiving(lambda _: None) as hanging, receiving() as prompt:
        await desk.webhook(hanging.url)
        made = await desk.webhook(prompt.url)
        messages = [desk.accepted() for _ in range(40)]
        # More than there are hands in all, for the one that hangs.
        await desk.hear(*messages)
        async with desk.working():
            await hanging.next()
            came = {(await prompt.next()).message for _ in messages}
            await desk.until(made["id"], *["delivered"] * 40)

    assert came == {str(message.message_id) for message in messages}
    # All that time it had one hand, and still has.
    assert hanging.came.empty()


async def test_an_endpoint_hears_one_message_at_a_time_whoever_works(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await desk.webhook(receiver.url)
        messages = [desk.accepted() for _ in range(12)]
        await desk.hear(*messages)
        async with desk.working(), desk.working():
            came = [(await receiver.next()).message for _ in messages]
            await desk.until(made["id"], *["delivered"] * len(messages))

    assert sorted(came) == sorted(str(message.message_id) for message in messages)
    assert receiver.most_at_once == 1


async def test_however_many_hang_those_that_answer_wait_for_none_of_them(desk: Desk) -> None:
    async with receiving(lambda _: None) as hanging, receiving() as prompt:
        silent = [(await desk.webhook(hanging.url))["id"] for _ in range(HANDS + 2)]
        await desk.databases.as_superuser("UPDATE admin.webhook SET failing_since = now()")
        await desk.webhook(prompt.url)
        await desk.hear(desk.accepted())
        async with desk.working():
            await hanging.next()
            await prompt.next()
            later = desk.accepted()
            await desk.hear(later)
            assert (await prompt.next()).message == str(later.message_id)
            waiting = [await desk.deliveries(one) for one in silent]

    # None of them is over yet: those that answer had no need of it.
    assert [one["attempts"] for each in waiting for one in each] == [[]] * 2 * len(silent)
    assert hanging.came.empty()


def taking_time(desk: Desk, url: str, held: Callable[[], float] = lambda: 6.0) -> Poster:
    """Post as ever, and find that one receiver kept a hand for so many seconds."""

    async def post(to: str, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = await desk.poster.post(to, headers, body)
        return replace(answer, held=held()) if to == url else answer

    found: Any = SimpleNamespace(post=post)
    return cast("Poster", found)


async def test_however_many_are_slow_to_take_what_they_are_told_others_are_not_late(desk: Desk) -> None:
    neighbour = await a_desk(desk.house, desk.databases)
    answers = [plainly(204)] * (HANDS + 2)
    slowly = receiving(lambda _: answers.pop() if answers else None)
    async with slowly as slow, receiving() as prompt, desk.working(poster=taking_time(desk, slow.url)):
        endpoints = [(await desk.webhook(slow.url))["id"] for _ in range(HANDS + 2)]
        made = await neighbour.webhook(prompt.url)
        await desk.hear(desk.accepted())
        for one in endpoints:
            await slow.next()
            await desk.until(one, "delivered")
        shown = (await desk.client.get(PREFIX)).json()["items"]
        await desk.hear(desk.accepted())
        await slow.next()
        for _ in range(3):
            message = neighbour.accepted()
            await neighbour.hear(message)
            assert (await prompt.next()).message == str(message.message_id)
        await neighbour.until(made["id"], *["delivered"] * 3)
        waiting = [await desk.deliveries(one, state="pending") for one in endpoints]
    await neighbour.names.close()

    # Slow is not failing, and none of them is over yet: those that are prompt had no need of it.
    assert {(one["state"], one["failing_since"]) for one in shown} == {("enabled", None)}
    assert [one["attempts"] for each in waiting for one in each] == [[]] * len(endpoints)
    assert slow.came.empty()


async def test_one_that_was_slow_is_prompt_again_when_it_has_been_so_for_a_while(desk: Desk) -> None:
    held = [6.0, 0.1, 6.0, 0.1, 0.1, 0.1]
    owed: list[int] = []
    async with receiving() as receiver:
        poster = taking_time(desk, receiver.url, lambda: held[len(owed)])
        made = await desk.webhook(receiver.url)
        async with desk.working(poster=poster):
            for told in range(1, len(held) + 1):
                await desk.hear(desk.accepted())
                await desk.until(made["id"], *["delivered"] * told)
                (row,) = await desk.databases.as_superuser("SELECT prompt_owed FROM admin.webhook")
                owed.append(row["prompt_owed"])
        await desk.hear(desk.accepted())
        lanes = await desk.databases.as_superuser("SELECT kind FROM admin.work")

    assert owed == [3, 2, 3, 2, 1, 0]
    assert [lane["kind"] for lane in lanes] == [DELIVER]


async def test_one_that_did_not_answer_rests_and_what_comes_for_it_meanwhile_waits(desk: Desk) -> None:
    async with receiving(lambda _: None) as hanging, desk.working(seconds=0.2):
        made = await desk.webhook(hanging.url)
        await desk.hear(desk.accepted())
        await desk.attempts(made["id"], 1)
        await desk.hear(desk.accepted())
        (lane,) = await desk.databases.as_superuser(
            "SELECT not_before > now() + interval '20 seconds' AS resting FROM admin.work"
        )

    assert lane["resting"]
    assert [len(one["attempts"]) for one in reversed(await desk.deliveries(made["id"]))] == [1, 0]
    assert (await desk.deliveries(made["id"]))[1]["attempts"][0]["reason"] == "timeout"


async def test_one_that_waits_for_its_next_attempt_hears_what_is_new_at_once(desk: Desk) -> None:
    statuses = [500, 200]
    async with receiving(lambda _: plainly(statuses.pop(0))) as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted())
        await desk.attempts(made["id"], 1)
        await desk.databases.as_superuser(
            """WITH later AS (UPDATE admin.webhook_delivery SET next_at = now() + interval '1 day')
               UPDATE admin.work SET not_before = now() + interval '1 day'"""
        )
        new = desk.accepted()
        await receiver.next()
        await desk.hear(new)
        sent = await receiver.next()
        await desk.until(made["id"], "pending", "delivered")

    assert sent.message == str(new.message_id)


async def test_one_that_is_gone_is_disabled_and_its_owner_sees_why(desk: Desk) -> None:
    async with receiving(lambda _: plainly(410)) as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted(), desk.accepted())
        await desk.until(made["id"], "failed", "failed")
        await desk.hear(desk.accepted())
        shown = (await desk.client.get(f"{PREFIX}/{made['id']}")).json()

    assert (shown["state"], shown["disabled_for"]) == ("disabled", "gone")
    assert len(await desk.deliveries(made["id"])) == 2
    assert receiver.came.qsize() == 1
    lines = [line for line in await desk.house.lines() if line.object == f"webhook:{made['id']}"]
    assert [(line.action, line.actor) for line in lines if line.action == "webhook.disabled"] == [
        ("webhook.disabled", "room:admin")
    ]


async def test_one_that_fails_for_days_is_disabled_and_enabled_again_has_all_the_patience(desk: Desk) -> None:
    statuses = [500, 200, 500, 500, 200]
    async with receiving(lambda _: plainly(statuses.pop(0))) as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        path = f"{PREFIX}/{made['id']}"
        await desk.hear(desk.accepted())
        await desk.attempts(made["id"], 1)
        failing = (await desk.client.get(path)).json()["failing_since"]
        await desk.turn()
        await desk.until(made["id"], "delivered")
        recovered = (await desk.client.get(path)).json()["failing_since"]
        await desk.hear(desk.accepted())
        await desk.attempts(made["id"], 1)
        await desk.databases.as_superuser("UPDATE admin.webhook SET failing_since = now() - interval '6 days'")
        await desk.turn()
        await desk.until(made["id"], "delivered", "failed")
        disabled = (await desk.client.get(path)).json()
        enabled = (await desk.client.patch(path, json={"state": "enabled"})).json()
        replayed = await desk.client.post(f"{path}/replay", json={"since": "2020-01-01T00:00:00Z"})
        await desk.until(made["id"], "delivered", "delivered")
        answered = (await desk.client.get(path)).json()

    assert (failing is None, recovered) == (False, None)
    assert (disabled["state"], disabled["disabled_for"]) == ("disabled", "failing")
    assert (enabled["state"], enabled["disabled_for"]) == ("enabled", None)
    assert enabled["failing_since"] > disabled["failing_since"]
    assert answered["failing_since"] is None
    assert replayed.json() == {"replayed": 1}


async def test_a_delivered_one_may_be_sent_again(desk: Desk) -> None:
    async with receiving() as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted())
        first = await receiver.next()
        (delivery,) = await desk.until(made["id"], "delivered")
        answer = await desk.client.post(f"{PREFIX}/{made['id']}/deliveries/{delivery['id']}/replay")
        again = await receiver.next()
        (after,) = await desk.until(made["id"], "delivered")

    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    assert (again.message, again.body) == (first.message, first.body)
    assert len(after["attempts"]) == 2


async def test_a_process_that_dies_on_its_way_leaves_the_delivery_to_another(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted())
        (lost,) = await lease(desk.house.database, [DELIVER], 1)
        await desk.databases.as_superuser("UPDATE admin.work SET leased_until = now() - interval '1 s'")
        async with desk.working():
            await desk.until(made["id"], "delivered")
        with pytest.raises(StaleLease):
            await desk.courier().deliver(lost)
        (delivery,) = await desk.deliveries(made["id"])

    assert len(delivery["attempts"]) == 1


async def test_a_delivery_that_comes_while_the_last_one_goes_has_its_turn(desk: Desk) -> None:
    second = desk.accepted()

    async with receiving() as receiver:
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted())
        (held,) = await lease(desk.house.database, [DELIVER], 1)

        async def post(*arguments: Any) -> object:  # noqa: ANN401 (those of the real one)
            answer = await desk.poster.post(*arguments)
            await desk.hear(second)
            return answer

        interrupted: Any = SimpleNamespace(post=post)
        await desk.courier(interrupted).deliver(held)
        async with desk.working():
            await desk.until(made["id"], "delivered", "delivered")


async def test_a_secret_that_nobody_can_read_is_told_and_its_owner_makes_another(desk: Desk) -> None:
    async with receiving() as receiver, desk.working():
        made = await desk.webhook(receiver.url)
        await desk.databases.as_superuser("UPDATE admin.webhook SET secret = 'x'")
        await desk.hear(desk.accepted())
        (attempt,) = await desk.attempts(made["id"], 1)
        path = f"{PREFIX}/{made['id']}/rotate-secret"
        rotated = (await desk.client.post(path, json={"overlap_seconds": 0})).json()
        await desk.turn()
        sent = await receiver.next()

    assert (attempt["status"], attempt["reason"]) == (None, "secret_unreadable")
    sent.verified(rotated["secret"])


async def test_what_waits_and_what_became_of_endpoints_is_measured(desk: Desk) -> None:
    await desk.webhook("http://127.0.0.1:9/")
    await desk.hear(desk.accepted())
    await desk.databases.as_superuser("UPDATE admin.webhook_delivery SET next_at = now() - interval '1 hour'")

    await measure_webhooks(desk.house.database)

    assert sample("webhook_deliveries_due") == 1
    assert sample("webhook_deliveries_due_oldest_seconds") >= 3600
    assert [sample("webhook_endpoints", state=state) for state in ("enabled", "gone", "failing")] == [1, 0, 0]


async def test_a_delivery_belongs_to_the_trace_of_its_deposit_and_its_lane_to_none(desk: Desk) -> None:
    await desk.webhook("http://127.0.0.1:9/")
    messages = [desk.accepted(), desk.accepted()]
    traces = {str(one.message_id): f"00-{one.message_id.hex}-00f067aa0ba902b7-01" for one in messages}

    for message in messages:
        await desk.hear(message, trace=traces[str(message.message_id)])

    rows = await desk.databases.as_superuser("SELECT message, trace FROM admin.webhook_delivery")
    assert {row["trace"].split("-")[1] for row in rows} == {one.message_id.hex for one in messages}
    assert all(row["trace"].split("-")[1] == row["message"].hex for row in rows)
    (lane,) = await desk.databases.as_superuser("SELECT trace FROM admin.work")
    assert lane["trace"] is None


@pytest.mark.parametrize(
    "state",
    ["failing_since = now()", "prompt_owed = 1", "removed_at = now()", "rests_until = now() + interval '1 hour'"],
)
async def test_what_waits_for_its_receiver_alarms_nobody(desk: Desk, state: str) -> None:
    await desk.webhook("http://127.0.0.1:9/")
    await desk.hear(desk.accepted())
    await desk.databases.as_superuser("UPDATE admin.webhook_delivery SET next_at = now() - interval '1 hour'")
    await desk.databases.as_superuser(f"UPDATE admin.webhook SET {state}")  # noqa: S608 (ours)

    await measure_webhooks(desk.house.database)

    assert (sample("webhook_deliveries_due"), sample("webhook_deliveries_due_oldest_seconds")) == (0, 0)
    assert sample("webhook_endpoints", state="enabled") == ("removed" not in state)


async def test_one_request_sends_so_many_again_and_the_oldest_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MOST_AGAIN", 2)
    made = await desk.webhook("http://127.0.0.1:9/")
    await desk.hear(*(desk.accepted() for _ in range(3)))
    await desk.databases.as_superuser("UPDATE admin.webhook_delivery SET state = 'failed', ended_at = now()")

    path, body = f"/admin/v1/webhooks/{made['id']}/replay", {"since": "2020-01-01T00:00:00Z"}
    answers = [(await desk.client.post(path, json=body)).json()["replayed"] for _ in range(3)]

    assert answers == [2, 1, 0]
