"""A site that burnt keeps no purge waiting once it is retired, and somebody attests that it is no more."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from services.storage import retiring
from services.storage.attesting import NotAttestable, attest_destroyed
from services.storage.domain.purges import PurgeState
from services.storage.sites import OpenSite
from shared.checksums import sha512_of
from shared.messages.ingest import AipBuiltV1
from shared.messages.storage import AipPurgedV1
from tests.integration.storage.depot import Depot
from tests.integration.storage.moves import declare, fill, retired
from tests.integration.storage.purge_desk import PurgeDesk, an_order

pytestmark = pytest.mark.integration

REPORT = "M. Durand, rapport d'incendie 12"


Burnt = tuple[PurgeDesk, AipBuiltV1]


@pytest.fixture
async def burnt(depot: Depot, third: OpenSite) -> Burnt:
    """A storage on `a` and `c`, and an AIP of it; its site `b` burnt: it was retired, and is out of the settings."""
    await declare(depot)
    message = await PurgeDesk(depot).stored()
    more = depot.and_site(third)
    await declare(more)
    await fill(more)
    left = {name: more.sites[name] for name in ("a", "c")}
    await retiring.retire(more.database, left, "b", "operator:x", timedelta(days=90))
    await retired(more)
    return PurgeDesk(replace(more, sites=left)), message


async def test_purges_wait_for_a_burnt_site_until_it_is_attested(burnt: Burnt) -> None:
    desk, stored = burnt
    depot = desk.depot
    aip = await depot.holding(stored.aip_id)
    await desk.order(order := an_order(stored))
    await desk.work_off()
    assert ((await desk.row(order)).state, await desk.waits(order)) == (PurgeState.DELETING, {"1/b": "undeclared"})
    # What it does not keep from the others: of a retired site the copies count no more.
    assert await desk.left(aip.key) == {"a": 0, "c": 0}

    await attest_destroyed(depot.database, "b", REPORT, "operator:x")
    await desk.work_off()

    assert (await desk.row(order)).state is PurgeState.DONE
    (told,) = await depot.told(AipPurgedV1)
    assert told.copies == 3
    (line,) = await depot.lines("copy.attested_destroyed")
    assert (line.details["site"], line.details["attested_sha512"]) == ("b", sha512_of(REPORT.encode()))
    assert {one.details["site"] for one in await depot.lines("copy.deleted")} == {"a", "c"}
    record = await depot.holding(order.order_id)
    (attested,) = json.loads(record.facts["body"])["attested"]
    assert (attested["site"], attested["attested_by"]) == ("b", REPORT)


async def test_an_attestation_is_noted_and_journaled_once(burnt: Burnt) -> None:
    database = burnt[0].depot.database

    first = await attest_destroyed(database, "b", REPORT, "operator:x")
    again = await attest_destroyed(database, "b", "somebody else", "operator:y")

    assert first == again == REPORT
    (line,) = await burnt[0].depot.lines("site.destroyed")
    digest = sha512_of(REPORT.encode())
    assert (line.actor, line.object, line.details["attested_sha512"]) == ("operator:x", "site:b", digest)


@pytest.mark.parametrize(
    ("name", "by", "said"),
    [("a", REPORT, "a is active"), ("z", REPORT, "No site z"), ("b", " ", "who attests")],
    ids=["active", "unknown", "nobody"],
)
async def test_what_may_still_be_there_is_not_attested(burnt: Burnt, name: str, by: str, said: str) -> None:
    with pytest.raises(NotAttestable, match=said):
        await attest_destroyed(burnt[0].depot.database, name, by, "operator:x")

    assert await burnt[0].depot.lines("site.destroyed") == []
