"""A site that burnt keeps no purge waiting once it is retired, and somebody attests that it is no more."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from services.storage import retiring
from services.storage.attesting import NotAttestable, attest_destroyed
from services.storage.domain.purges import PurgeState
from services.storage.sites import OpenSite
from shared.checksums import sha512_of
from shared.messages.ingest import AipBuiltV1
from shared.messages.storage import AipPurgedV1
from shared.object_store.errors import StoreUnavailable
from shared.object_store.filesystem_site import FilesystemSite
from tests.integration.storage.depot import Depot
from tests.integration.storage.moves import declare, fill, retired, surveyed
from tests.integration.storage.purge_desk import PurgeDesk, an_order

pytestmark = pytest.mark.integration

REPORT = "M. Durand, rapport d'incendie 12"


Burnt = tuple[PurgeDesk, AipBuiltV1]


@pytest.fixture
async def still_declared(depot: Depot, third: OpenSite) -> Burnt:
    """A storage on `a` and `c`, and an AIP of it; its site `b` was retired, and is in the settings yet."""
    await declare(depot)
    message = await PurgeDesk(depot).stored()
    more = depot.and_site(third)
    await declare(more)
    await fill(more)
    left = {name: more.sites[name] for name in ("a", "c")}
    await retiring.retire(more.database, left, "b", "operator:x", timedelta(days=90))
    await retired(more)
    return PurgeDesk(more), message


@pytest.fixture
def burnt(still_declared: Burnt) -> Burnt:
    """The same, and `b` burnt: it is out of the settings."""
    desk, message = still_declared
    left = {name: desk.depot.sites[name] for name in ("a", "c")}
    return PurgeDesk(replace(desk.depot, sites=left)), message


class Silent(FilesystemSite):
    """A site that is declared and answers nobody."""

    @override
    async def probe(self) -> None:
        raise StoreUnavailable("no answer")

    @override
    async def is_held(self, key: str, version_id: str | None) -> bool:
        raise StoreUnavailable(f"{key}: no answer")

    @override
    async def purge(self, key: str) -> None:
        raise StoreUnavailable(f"{key}: no answer")


def silenced(desk: PurgeDesk) -> PurgeDesk:
    return PurgeDesk(desk.depot.with_site("b", Silent(Path(desk.depot.sites["b"].site.location))))


async def test_purges_wait_for_a_burnt_site_until_it_is_attested(burnt: Burnt) -> None:
    desk, stored = burnt
    depot = desk.depot
    aip = await depot.holding(stored.aip_id)
    await desk.order(order := an_order(stored))
    await desk.work_off()
    assert ((await desk.row(order)).state, await desk.waits(order)) == (PurgeState.DELETING, {"1/b": "undeclared"})
    # What it does not keep from the others: of a retired site the copies count no more.
    assert await desk.left(aip.key) == {"a": 0, "c": 0}

    await attest_destroyed(depot.database, depot.sites, "b", REPORT, "operator:x")
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

    first = await attest_destroyed(database, {}, "b", REPORT, "operator:x")
    again = await attest_destroyed(database, {}, "b", "somebody else", "operator:y")

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
        await attest_destroyed(burnt[0].depot.database, burnt[0].depot.sites, name, by, "operator:x")

    assert await burnt[0].depot.lines("site.destroyed") == []


async def test_a_retired_site_that_is_declared_and_silent_keeps_no_purge_once_it_is_attested(
    still_declared: Burnt,
) -> None:
    desk, stored = silenced(still_declared[0]), still_declared[1]
    await desk.order(order := an_order(stored))
    await desk.work_off()
    # It may have a hold: until somebody answers for it nothing is deleted anywhere.
    assert ((await desk.row(order)).state, await desk.waits(order)) == (PurgeState.ORDERED, {"1/b": "away"})

    await attest_destroyed(desk.depot.database, desk.depot.sites, "b", REPORT, "operator:x")
    await desk.work_off()

    assert (await desk.row(order)).state is PurgeState.DONE
    (line,) = await desk.depot.lines("copy.attested_destroyed")
    assert (line.details["site"], line.details["attested_sha512"]) == ("b", sha512_of(REPORT.encode()))


async def test_a_retired_site_that_is_declared_and_answers_is_emptied_and_not_attested(still_declared: Burnt) -> None:
    desk, stored = still_declared

    with pytest.raises(NotAttestable, match="b answers"):
        await attest_destroyed(desk.depot.database, desk.depot.sites, "b", REPORT, "operator:x")

    # It was attested while it was silent, and came back: what is there is deleted, and looked for.
    silent = silenced(desk)
    await attest_destroyed(silent.depot.database, silent.depot.sites, "b", REPORT, "operator:x")
    aip = await desk.depot.holding(stored.aip_id)
    await desk.order(order := an_order(stored))
    await desk.work_off()

    assert (await desk.row(order)).state is PurgeState.DONE
    assert await desk.left(aip.key) == {"a": 0, "b": 0, "c": 0}
    assert await desk.depot.lines("copy.attested_destroyed") == []
    assert {one.details["site"] for one in await desk.depot.lines("copy.deleted")} == {"a", "b", "c"}


async def test_whoever_lists_the_sites_sees_what_is_attested(burnt: Burnt) -> None:
    depot = burnt[0].depot
    assert (await surveyed(depot, "b"))["attested_by"] is None

    await attest_destroyed(depot.database, depot.sites, "b", REPORT, "operator:x")

    told = await surveyed(depot, "b")
    assert (told["declared"], told["state"], told["attested_by"]) == (False, "retired", REPORT)
    assert told["destroyed_at"].endswith("Z")
    assert (await surveyed(depot, "a"))["destroyed_at"] is None
