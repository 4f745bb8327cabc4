"""A client's secret is replaced with an overlap, so that its program goes on; a leaked one ends at once."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.admin.domain.secret import LONGEST_OVERLAP, OVERLAP, FormerSecret, keep, matches_any
from shared.clock import now
from tests.integration.admin.house import House
from tests.servers import Databases

pytestmark = pytest.mark.integration


async def rotated(house: House, made: dict[str, str], body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await house.root.post(f"/admin/v1/clients/{made['client_id']}/secret", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    new: dict[str, Any] = answer.json()
    return new


async def works(house: House, made: dict[str, Any], secret: str | None = None) -> bool:
    known = {"client_id": made["client_id"], "client_secret": secret or made["client_secret"]}
    return (await house.ask_token(known)).status_code == 200


async def test_the_former_secret_works_for_a_day_more_unless_told_otherwise(house: House) -> None:
    made = await house.credentials(("*", ["reader"]))

    new = await rotated(house, made)

    assert await works(house, new)
    assert await works(house, made)
    until = datetime.fromisoformat(new["former_secret_until"])
    assert timedelta(hours=23) < until - now() <= OVERLAP


async def test_a_leaked_secret_is_worth_nothing_at_once(house: House) -> None:
    made = await house.credentials(("*", ["reader"]))

    new = await rotated(house, made, {"overlap_seconds": 0})

    assert new["former_secret_until"] is None
    assert (await works(house, new), await works(house, made)) == (True, False)


async def test_the_former_secret_ends_when_its_time_has_come(house: House, databases: Databases) -> None:
    made = await house.credentials(("*", ["reader"]))
    new = await rotated(house, made)

    past = "UPDATE admin.client SET former_until = now() - interval '1 second' WHERE id = $1"
    await databases.as_superuser(past, made["client_id"])

    assert (await works(house, new), await works(house, made)) == (True, False)
    shown = (await house.root.get(f"/admin/v1/clients/{made['client_id']}")).json()
    assert shown["former_secret_until"] is None


async def test_only_one_former_secret_is_kept(house: House) -> None:
    first = await house.credentials(("*", ["reader"]))
    second = await rotated(house, first)
    third = await rotated(house, second)

    assert [await works(house, one) for one in (first, second, third)] == [False, True, True]

    fourth = await rotated(house, third, {"overlap_seconds": 0})
    assert [await works(house, one) for one in (second, third, fourth)] == [False, False, True]


async def test_disabling_ends_both_and_the_former_one_does_not_come_back(house: House) -> None:
    made = await house.credentials(("*", ["reader"]))
    new = await rotated(house, made)
    path = f"/admin/v1/clients/{made['client_id']}"

    await house.root.patch(path, json={"state": "active"})
    assert [await works(house, one) for one in (made, new)] == [True, True]
    await house.root.delete(path)
    assert [await works(house, one) for one in (made, new)] == [False, False]
    shown = (await house.root.patch(path, json={"state": "active"})).json()
    assert shown["former_secret_until"] is None
    assert [await works(house, one) for one in (made, new)] == [False, True]


async def test_lists_say_until_when_and_never_the_secret(house: House, databases: Databases) -> None:
    made = await house.credentials(("*", ["reader"]))
    new = await rotated(house, made, {"overlap_seconds": 3600})

    listed = (await house.root.get("/admin/v1/clients", params={"limit": 1000})).json()["items"]
    (own,) = [one for one in listed if one["client_id"] == made["client_id"]]
    kept = await databases.as_superuser("SELECT * FROM admin.client WHERE id = $1", made["client_id"])

    assert own["former_secret_until"] == new["former_secret_until"]
    for secret in (made["client_secret"], new["client_secret"]):
        assert secret not in repr(listed) + repr(kept)


async def test_each_rotation_is_journaled_with_the_end_of_the_former_secret(house: House) -> None:
    made = await house.credentials(("*", ["reader"]))
    new = await rotated(house, made)
    await rotated(house, made, {"overlap_seconds": 0})

    lines = [line for line in await house.lines() if line.object == f"client:{made['client_id']}"]
    told = [line.details["former_until"] for line in lines if line.action == "client.secret_rotated"]

    assert told == [new["former_secret_until"], "at_once"]


@pytest.mark.parametrize("overlap", [-1, int(LONGEST_OVERLAP.total_seconds()) + 1, "a day", None])
async def test_an_overlap_is_bounded(house: House, overlap: object) -> None:
    made = await house.credentials(("*", ["reader"]))

    answer = await house.root.post(f"/admin/v1/clients/{made['client_id']}/secret", json={"overlap_seconds": overlap})

    assert answer.status_code == 422
    assert await works(house, made)


def test_both_secrets_are_compared_whatever_comes_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of an answer must not tell a current secret from a former one, nor whether there is one."""
    compared = []

    def counted(kept: object, secret: str) -> bool:
        compared.append((kept, secret))
        return True

    monkeypatch.setattr("services.admin.domain.secret.matches", counted)
    former = FormerSecret(keep("former"), now() + OVERLAP)

    for one in (former, None, FormerSecret(keep("ended"), now() - OVERLAP)):
        compared.clear()
        assert matches_any(keep("current"), one, "current", now())
        assert len(compared) == 2
