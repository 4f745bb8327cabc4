"""Acts of administration that no other test looks for have their lines, and no name in them."""

import pytest

from shared.messages.journal import JournalLineV1
from tests.integration.admin.desk import Desk
from tests.integration.admin.house import House

pytestmark = pytest.mark.integration

URL = "https://receiver.invalid/hook"


def shown(lines: list[JournalLineV1], about: str) -> list[tuple[str, str]]:
    return [(line.action, line.outcome) for line in lines if line.object == about]


async def test_changes_of_clients_and_organisations_have_their_lines(house: House) -> None:
    town = await house.establishment()
    made = await house.credentials((town["id"], ["reader"]), name="Logiciel de Madame Le Goff")
    client, place = f"client:{made['client_id']}", f"/admin/v1/clients/{made['client_id']}"

    assert (await house.root.delete(place)).status_code == 204
    assert (await house.root.patch(place, json={"state": "active"})).is_success
    changed = await house.root.patch(f"/admin/v1/establishments/{town['id']}", json={"name": "Le Goff-sur-Mer"})

    assert changed.is_success, changed.text
    lines = await house.lines()
    assert shown(lines, client) == [
        ("client.created", "ok"),
        ("mandate.given", "ok"),
        ("client.disabled", "ok"),
        ("client.enabled", "ok"),
    ]
    assert ("organisation.changed", "ok") in shown(lines, f"organisation:{town['id']}")
    assert "Goff" not in repr(lines)


async def test_what_becomes_of_a_webhook_has_its_lines(desk: Desk) -> None:
    made = await desk.webhook(URL)
    place = f"/admin/v1/webhooks/{made['id']}"

    for state in ("disabled", "enabled"):
        assert (await desk.client.patch(place, json={"state": state})).is_success
    assert (await desk.client.post(f"{place}/rotate-secret")).is_success
    assert (await desk.client.delete(place)).is_success

    lines = await desk.house.lines()
    assert [action for action, _ in shown(lines, f"webhook:{made['id']}")] == [
        "webhook.created",
        "webhook.disabled",
        "webhook.enabled",
        "webhook.secret_rotated",
        "webhook.removed",
    ]
    assert "receiver.invalid" not in repr(lines)
