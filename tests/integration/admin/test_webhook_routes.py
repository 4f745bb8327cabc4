"""A webhook is its client's own: made, changed, tried and removed by nobody else, and its secret shown once."""

from uuid import uuid4

import pytest

from shared.identity.rights import Role
from tests.builders.callers import a_token
from tests.builders.receivers import receiving
from tests.integration.admin.desk import PREFIX, Desk, a_desk
from tests.integration.admin.house import House
from tests.servers import Databases

pytestmark = pytest.mark.integration

URL = "https://receiver.invalid/hook"
NEW = {"url": URL, "events": ["transfer.accepted"]}


async def test_a_secret_is_shown_once_and_kept_encrypted(desk: Desk) -> None:
    answer = await desk.client.post(PREFIX, json={**NEW, "description": "Gestion du courrier"})

    made = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert answer.headers["location"] == f"{PREFIX}/{made['id']}"
    assert made["secret"].startswith("whsec_")
    shown = await desk.client.get(f"{PREFIX}/{made['id']}")
    assert shown.json() == {name: value for name, value in made.items() if name != "secret"}
    (kept,) = await desk.databases.as_superuser("SELECT * FROM admin.webhook")
    assert made["secret"] not in shown.text + repr(kept)
    lines = [line for line in await desk.house.lines() if line.object == f"webhook:{made['id']}"]
    owner = f"client:{desk.credentials['client_id']}"
    assert [(line.action, line.actor, line.details) for line in lines] == [
        ("webhook.created", owner, {"owner": owner, "events": "transfer.accepted"})
    ]


async def test_nobody_else_sees_or_touches_it_not_even_of_the_same_town(desk: Desk) -> None:
    made = await desk.webhook(URL)
    delivery = (await desk.client.post(f"{PREFIX}/{made['id']}/test")).json()
    colleague = await desk.house.client((str(desk.town), ["depositor", "archivist", "administrator"]))
    path = f"{PREFIX}/{made['id']}"

    answers = [
        await colleague.get(path),
        await colleague.patch(path, json={"state": "disabled"}),
        await colleague.delete(path),
        await colleague.post(f"{path}/rotate-secret"),
        await colleague.post(f"{path}/test"),
        await colleague.post(f"{path}/replay", json={"since": "2026-01-01T00:00:00Z"}),
        await colleague.get(f"{path}/deliveries"),
        await colleague.post(f"{path}/deliveries/{delivery['id']}/replay"),
        await desk.client.post(f"{PREFIX}/{(await desk.webhook(URL))['id']}/deliveries/{delivery['id']}/replay"),
        await desk.client.get(f"{PREFIX}/{uuid4()}"),
        await desk.client.get(f"{PREFIX}/personne"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * len(answers)
    assert (await colleague.get(PREFIX)).json()["items"] == []
    assert (await desk.client.get(path)).json()["state"] == "enabled"


async def test_who_has_no_right_to_webhooks_and_who_is_no_client_are_told_so(desk: Desk) -> None:
    reader = await desk.house.client((str(desk.town), ["reader"]))
    nobody = desk.house.caller(a_token(Role.DEPOSITOR))

    answers = [await one.post(PREFIX, json=NEW) for one in (reader, nobody)]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(403, "forbidden"), (403, "clients_only")]
    assert (await nobody.get(PREFIX)).json() == {"items": [], "next": None}


async def test_establishments_are_those_of_the_clients_mandates(desk: Desk) -> None:
    foreign = await desk.house.establishment()

    answers = [
        await desk.client.post(PREFIX, json={**NEW, "establishments": [foreign["identifier"]]}),
        await desk.client.post(PREFIX, json={**NEW, "establishments": []}),
        await desk.client.post(PREFIX, json={**NEW, "establishments": [str(desk.town)] * 2}),
    ]

    assert [one.status_code for one in answers] == [404, 422, 201]
    assert answers[2].json()["establishments"] == [str(desk.town)]


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"url": "ftp://receiver.invalid/"}, "invalid_url"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "address_refused"),
        ({"url": "https://10.0.0.1/"}, "address_refused"),
        ({"events": []}, "invalid_request"),
        ({"events": ["webhook.test"]}, "invalid_request"),
        ({"description": "deux\nlignes"}, "invalid_request"),
        ({"secret": "whsec_mine"}, "invalid_request"),
    ],
)
async def test_what_cannot_be_is_refused_when_it_is_made_and_when_it_is_changed(
    desk: Desk, terms: dict[str, object], code: str
) -> None:
    made = await desk.webhook(URL)

    answers = [
        await desk.client.post(PREFIX, json={**NEW, **terms}),
        await desk.client.patch(f"{PREFIX}/{made['id']}", json=terms),
    ]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(422, code)] * 2


async def test_where_the_operator_allows_nothing_loopback_and_http_are_refused(
    house: House, databases: Databases
) -> None:
    strict = await a_desk(house, databases)

    answers = [
        await strict.client.post(PREFIX, json={**NEW, "url": url})
        for url in ("http://receiver.invalid/", "https://localhost/", "https://127.0.0.1/", URL)
    ]

    assert [one.json().get("code") for one in answers] == ["invalid_url", "address_refused", "address_refused", None]
    await strict.names.close()


async def test_what_the_body_names_is_changed_and_nothing_else(desk: Desk) -> None:
    made = await desk.webhook(URL, establishments=[str(desk.town)], description="Un")
    path = f"{PREFIX}/{made['id']}"

    changed = (await desk.client.patch(path, json={"establishments": None, "events": ["transfer.rejected"]})).json()
    disabled = (await desk.client.patch(path, json={"state": "disabled"})).json()
    refused = await desk.client.post(f"{path}/test")

    assert changed == {
        **{name: value for name, value in made.items() if name != "secret"},
        "establishments": None,
        "events": ["transfer.rejected"],
    }
    assert disabled == {**changed, "state": "disabled", "disabled_for": "request"}
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")
    lines = [line for line in await desk.house.lines() if line.object == f"webhook:{made['id']}"]
    assert [line.action for line in lines] == ["webhook.created", "webhook.changed", "webhook.disabled"]


async def test_a_test_is_sent_on_request_and_asked_for_twice_it_is_one(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await desk.webhook(receiver.url, ["transfer.rejected"])
        path = f"{PREFIX}/{made['id']}"
        asked = [(await desk.client.post(f"{path}/test")).json()["id"] for _ in range(2)]
        async with desk.working():
            sent = await receiver.next()
            await desk.until(made["id"], "delivered")

    assert len(set(asked)) == 1
    told = sent.verified(made["secret"])
    assert (told["type"], told["data"]) == ("webhook.test", {"webhook": made["id"]})


async def test_removed_it_is_gone_with_what_it_was_to_hear(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await desk.webhook(receiver.url)
        await desk.hear(desk.accepted())

        answer = await desk.client.delete(f"{PREFIX}/{made['id']}")

        assert answer.status_code == 204
        assert (await desk.client.get(f"{PREFIX}/{made['id']}")).status_code == 404
        async with desk.working():
            assert await desk.no_work()
    assert receiver.came.empty()


async def test_a_client_has_no_more_than_it_may_and_lists_them_to_the_end(desk: Desk) -> None:
    made = [(await desk.webhook(URL))["id"] for _ in range(20)]

    refused = await desk.client.post(PREFIX, json=NEW)
    first = (await desk.client.get(PREFIX, params={"limit": 15})).json()
    rest = (await desk.client.get(PREFIX, params={"limit": 15, "cursor": first["next"]})).json()

    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_webhooks")
    assert [one["id"] for one in (*first["items"], *rest["items"])] == made
    assert rest["next"] is None
