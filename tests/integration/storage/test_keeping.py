"""Copies are written, read back by another task, and counted only when they were found whole."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from services.storage.domain.copies import CopyState
from services.storage.domain.sites import UnsafeSitesError
from services.storage.handlers import VERIFY, WRITE, take_aips
from services.storage.settings import SiteSettings
from services.storage.sites import open_sites
from shared.clock import now
from shared.identifiers import new_id
from shared.messages.storage import AipStorageRefusedV1, AipStoredV1
from shared.messaging.outcome import Rejected, TryAgain
from shared.messaging.work import StaleLease
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot, an_announcement, overwrite, spoil

pytestmark = pytest.mark.integration

BOTH = pytest.mark.parametrize("kind", ["folders", "buckets"])


def lost(site: str) -> float | None:
    """How many copies of a site this process has found lost; None where it never said."""
    return REGISTRY.get_sample_value("chartrier_copies_lost_total", {"site": site})


@BOTH
async def test_an_aip_is_stored_once_both_sites_gave_it_back_whole(open_depot: OpenDepot, kind: str) -> None:
    depot = await open_depot(kind)
    content = b"the bytes of an AIP\n" * 5000
    message = await depot.hand_over(content)

    await depot.write()
    assert {copy.state for copy in (await depot.copies(message.aip_id)).values()} == {CopyState.WRITTEN}
    assert await depot.told(AipStoredV1) == []
    await depot.verify()

    copies = await depot.copies(message.aip_id)
    (stored,) = await depot.told(AipStoredV1)
    key = f"{message.establishment}/aips/{message.aip_id.hex[-2:]}/{message.aip_id}-v1.tar"
    assert (stored.aip_id, stored.transfer_id, stored.version) == (message.aip_id, message.transfer_id, 1)
    assert (stored.sha512, stored.size, stored.catalogue) == (message.sha512, message.size, message.catalogue)
    assert stored.causation_id == message.message_id
    assert [(receipt.site, receipt.place, receipt.key, receipt.sha512) for receipt in stored.receipts] == [
        ("a", "Rennes, salle A", key, message.sha512),
        ("b", "Brest, salle B", key, message.sha512),
    ]
    for site, copy in copies.items():
        assert copy.state is CopyState.VERIFIED
        assert (copy.version_id is not None) == (kind == "buckets")
        assert await depot.kept(site, key, copy.version_id) == content
    assert (await depot.holding(message.aip_id)).state == "stored"
    assert await depot.work() == []
    assert sorted(line.details["site"] for line in await depot.lines("copy.written")) == ["a", "b"]
    (line,) = await depot.lines("aip.stored")
    assert (line.transfer_id, line.details["copies"]) == (message.transfer_id, 2)


async def test_a_copy_in_a_bucket_is_locked_for_the_time_declared(open_depot: OpenDepot) -> None:
    depot = await open_depot("buckets")
    message = await depot.hand_over()

    await depot.work_off()

    for site, copy in (await depot.copies(message.aip_id)).items():
        facts = await depot.sites[site].store.stat(copy.key, copy.version_id)
        assert facts.retention is not None
        assert timedelta(hours=47) < facts.retention.until - now() < timedelta(hours=49)


@BOTH
async def test_of_two_copies_read_back_at_once_exactly_one_is_the_last(open_depot: OpenDepot, kind: str) -> None:
    depot = await open_depot(kind)
    messages = [await depot.hand_over() for _ in range(6)]
    await depot.write()

    await asyncio.gather(*(depot.keeper.verify(held) for held in await depot.lease(VERIFY)))

    assert sorted(stored.aip_id for stored in await depot.told(AipStoredV1)) == sorted(
        message.aip_id for message in messages
    )


async def test_the_same_announcement_twice_is_one_holding(depot: Depot) -> None:
    message = await depot.hand_over()

    await depot.take(message)
    await asyncio.gather(*(depot.take(message) for _ in range(3)))

    assert await depot.work() == ["write a", "write b"]
    await depot.work_off()
    await depot.take(message)
    assert (await depot.work(), len(await depot.told(AipStoredV1))) == ([], 1)


async def test_announcements_that_come_together_are_taken_each_for_itself(depot: Depot) -> None:
    known = await depot.hand_over()
    fresh = [an_announcement(new_id(), f"aip {number}".encode()) for number in range(3)]

    async with depot.database.begin() as tx:
        await take_aips(sorted(depot.sites))(tx, [fresh[0], known, fresh[1], fresh[0], fresh[2]])

    assert (await depot.work()).count("write a") == 4
    assert {holding.state for holding in [await depot.holding(one.aip_id) for one in (known, *fresh)]} == {"storing"}
    contradicting = fresh[0].model_copy(update={"sha512": "0" * 128})
    async with depot.database.begin() as tx:
        with pytest.raises(Rejected, match=str(fresh[0].aip_id)):
            await take_aips(sorted(depot.sites))(tx, [contradicting])


async def test_other_bytes_under_a_known_id_are_never_taken(depot: Depot) -> None:
    message = await depot.hand_over()
    other = message.model_copy(update={"sha512": "0" * 128})

    for _ in range(2):
        with pytest.raises(Rejected, match=str(message.aip_id)):
            await depot.take(other)
        await depot.work_off()

    assert (await depot.holding(message.aip_id)).sha512 == message.sha512


@pytest.mark.parametrize("damage", ["gone", "cut short", "spoiled"])
async def test_an_aip_that_is_not_what_was_announced_is_refused_and_taken_anew(depot: Depot, damage: str) -> None:
    content = b"the bytes of an AIP\n" * 5000
    message = await depot.hand_over(content)
    staged = depot.staging.path_of(message.staging_key)
    assert staged is not None
    if damage == "gone":
        await depot.staging.delete(message.staging_key)
    elif damage == "cut short":
        overwrite(staged, content[:-1])
    else:
        spoil(staged)

    await depot.work_off()

    (refused,) = await depot.told(AipStorageRefusedV1)
    assert (refused.aip_id, refused.transfer_id) == (message.aip_id, message.transfer_id)
    assert (await depot.holding(message.aip_id)).state == "refused"
    assert (await depot.told(AipStoredV1), await depot.work()) == ([], [])

    await depot.staging.delete(message.staging_key)
    await depot.staging.put(message.staging_key, content)
    await depot.take(message)
    await depot.work_off()

    (stored,) = await depot.told(AipStoredV1)
    assert (stored.version, stored.sha512) == (2, message.sha512)
    key = (await depot.holding(message.aip_id)).key
    assert key.endswith(f"{message.aip_id}-v2.tar")
    assert await depot.kept("a", key) == await depot.kept("b", key) == content


async def test_a_site_that_gives_back_other_bytes_does_not_count_and_is_loud(
    depot: Depot, caplog: pytest.LogCaptureFixture
) -> None:
    message = await depot.hand_over()
    await depot.write()
    key = (await depot.holding(message.aip_id)).key
    spoil(depot.file("a", key))
    before = {site: lost(site) or 0 for site in "ab"}

    with caplog.at_level(logging.ERROR):
        await depot.verify()

    states = {site: copy.state for site, copy in (await depot.copies(message.aip_id)).items()}
    assert states == {"a": CopyState.LOST, "b": CopyState.VERIFIED}
    assert (await depot.told(AipStoredV1), await depot.told(AipStorageRefusedV1)) == ([], [])
    assert {line.details["site"]: line.outcome for line in await depot.lines("copy.written")} == {
        "a": "ko",
        "b": "ok",
    }
    (record,) = caplog.records
    assert (record.message, getattr(record, "site", None)) == ("a site gave back other bytes", "a")
    assert (lost("a"), lost("b")) == (before["a"] + 1, before["b"]), "and 0 is said before there is a first"

    # A person has removed what the site had spoiled: the copy is written again, and counts then.
    depot.file("a", key).unlink()
    await depot.work_off()
    assert len(await depot.told(AipStoredV1)) == 1
    assert await depot.kept("a", key) == await depot.kept("b", key)


async def test_a_copy_that_its_site_lost_is_written_again(depot: Depot) -> None:
    message = await depot.hand_over()
    await depot.write()
    depot.file("b", (await depot.holding(message.aip_id)).key).unlink()

    await depot.verify()
    assert (await depot.work(), await depot.told(AipStoredV1)) == (["write b"], [])
    await depot.work_off()

    assert len(await depot.told(AipStoredV1)) == 1


@pytest.mark.parametrize("moment", ["writing", "reading back"])
async def test_a_site_that_is_away_is_waited_for(depot: Depot, moment: str) -> None:
    message = await depot.hand_over()
    root = depot.file("a", "x").parent
    away = root.with_name("unmounted")
    if moment == "reading back":
        await depot.write()
    root.rename(away)

    for _ in range(2):
        kind, act = (WRITE, depot.keeper.write) if moment == "writing" else (VERIFY, depot.keeper.verify)
        assert await depot.refused_for_now(act, kind) == 1
        await depot.verify()
        await depot.release()
    assert (await depot.copies(message.aip_id))["b"].state is CopyState.VERIFIED
    assert await depot.told(AipStoredV1) == []

    away.rename(root)
    await depot.work_off()
    assert len(await depot.told(AipStoredV1)) == 1


async def test_staging_that_is_away_refuses_nobody(depot: Depot) -> None:
    await depot.hand_over()
    staging = depot.staging.path_of("x")
    assert staging is not None
    staging.parent.rename(staging.parent.with_name("unmounted"))

    assert await depot.refused_for_now(depot.keeper.write, WRITE) == 2

    assert await depot.told(AipStorageRefusedV1) == []
    staging.parent.with_name("unmounted").rename(staging.parent)
    await depot.release()
    await depot.work_off()
    assert len(await depot.told(AipStoredV1)) == 1


@BOTH
async def test_a_copy_written_before_a_crash_is_recognised_and_not_written_twice(
    open_depot: OpenDepot, kind: str
) -> None:
    depot = await open_depot(kind)
    message = await depot.hand_over()
    holding = await depot.holding(message.aip_id)
    content = await depot.staging.open_range(message.staging_key)
    written = await depot.sites["a"].store.put(
        holding.key, b"".join([chunk async for chunk in content]), sha512=message.sha512
    )

    await depot.work_off()

    assert (await depot.copies(message.aip_id))["a"].version_id == written.version_id
    assert len(await depot.told(AipStoredV1)) == 1


async def test_a_worker_that_lost_its_lease_records_nothing(depot: Depot) -> None:
    message = await depot.hand_over()
    slow = await depot.lease(WRITE)
    await depot.release()
    await depot.write()

    for held in slow:
        with pytest.raises((StaleLease, TryAgain)):
            await depot.keeper.write(held)

    await depot.verify()
    assert len(await depot.told(AipStoredV1)) == 1
    assert (await depot.holding(message.aip_id)).state == "stored"


async def test_an_aip_of_a_refused_version_is_not_kept_trying(depot: Depot) -> None:
    message = await depot.hand_over()
    (first, second) = await depot.lease(WRITE)
    await depot.staging.delete(message.staging_key)
    await depot.keeper.write(first)

    await depot.keeper.write(second)

    assert len(await depot.told(AipStorageRefusedV1)) == 1
    assert await depot.work() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ([{}], "at least two sites"),
        ([{}, {"name": "b", "path": "/b"}], "at least two sites on distinct places"),
        ([{}, {"name": "b", "path": "/b", "place": "  rennes "}], "distinct places"),
        ([{}, {"name": "b", "place": "Brest"}], "two sites keep their bytes in /a"),
        ([{}, {"path": "/b", "place": "Brest"}], "given twice"),
    ],
)
def test_sites_that_one_disaster_would_take_are_refused(changes: list[dict[str, str]], reason: str) -> None:
    site = {"name": "a", "kind": "filesystem", "place": "Rennes", "path": "/a"}

    with pytest.raises(UnsafeSitesError, match=reason):
        open_sites([SiteSettings.model_validate({**site, **change}) for change in changes])


async def test_a_site_that_is_no_longer_declared_keeps_an_aip_from_counting(depot: Depot) -> None:
    await depot.hand_over()
    fewer = replace(depot, sites={"a": depot.sites["a"]})

    assert await depot.refused_for_now(fewer.keeper.write, WRITE) == 1
    await depot.verify()

    assert (await depot.work(), await depot.told(AipStoredV1)) == (["write b"], [])
