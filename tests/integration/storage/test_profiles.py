"""Approved profiles are kept on every site with their bytes, once admin has given them; withdrawals as facts."""

import base64
import json
from pathlib import Path

import pytest

from services.storage.handlers import FETCH, take_profiles
from services.storage.profiles import ProfileKeeper
from shared.calls import RoomUnavailable
from shared.messages.admin import ProfilePublishedV1, ProfileReferenceV1
from tests.integration.storage.depot import Depot

pytestmark = pytest.mark.integration

GOLDEN = Path(__file__).parents[2] / "golden" / "messages" / "profile.published.v1.json"
APPROVED = ProfilePublishedV1.model_validate_json(GOLDEN.read_bytes())
CONTENT = b"<grammar/>" * 1000


async def take(depot: Depot, *messages: ProfilePublishedV1) -> None:
    async with depot.database.begin() as tx:
        await take_profiles(sorted(depot.sites))(tx, messages)


async def given(_: ProfileReferenceV1) -> bytes:
    return CONTENT


async def away(_: ProfileReferenceV1) -> bytes:
    raise RoomUnavailable("admin: away")


async def keep(depot: Depot, fetch: object = given) -> None:
    keeper = ProfileKeeper(depot.database, sorted(depot.sites), fetch)  # type: ignore[arg-type] # either of the two
    for held in await depot.lease(FETCH):
        await keeper.keep(held)


def key(revision: int) -> str:
    return f"{APPROVED.establishment}/records/profile/{APPROVED.reference.id}/{revision}.json"


async def test_an_approved_profile_stands_on_every_site_with_its_bytes(depot: Depot) -> None:
    await take(depot, APPROVED)
    await keep(depot)
    await depot.work_off()

    for site in depot.sites:
        record = json.loads(await depot.kept(site, key(1)))
        assert record["topic"] == "profile.published.v1"
        assert record["fact"] == APPROVED.model_dump(mode="json")
        assert base64.b64decode(record["content"]) == CONTENT
    assert (await depot.holding(APPROVED.reference.id)).state == "stored"


async def test_its_withdrawal_is_the_next_record_and_needs_nobody(depot: Depot) -> None:
    withdrawn = APPROVED.model_copy(update={"state": "withdrawn", "revision": 2})

    await take(depot, APPROVED, withdrawn)
    await keep(depot)
    await depot.work_off()

    record = json.loads(await depot.kept("a", key(2)))
    assert record["fact"]["state"] == "withdrawn"
    assert "content" not in record
    assert "content" in json.loads(await depot.kept("b", key(1)))


async def test_while_admin_is_away_the_record_waits(depot: Depot) -> None:
    await take(depot, APPROVED)

    with pytest.raises(RoomUnavailable):
        await keep(depot, away)
    await depot.release()
    await keep(depot)
    await depot.work_off()

    assert (await depot.holding(APPROVED.reference.id)).state == "stored"


async def test_a_profile_told_twice_is_one_record(depot: Depot) -> None:
    for _ in range(2):
        await take(depot, APPROVED)
        await keep(depot)
    await depot.work_off()

    assert await depot.work() == []
    assert len(await depot.lines("record.stored")) == 1
