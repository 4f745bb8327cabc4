"""Copies are read again, the oldest first; what is not whole is lost, what cannot be read is unknown."""

import asyncio
from dataclasses import replace

import pytest

from services.storage.auditing import AUDIT
from services.storage.domain.copies import Copy, CopyState
from services.storage.pacing import Times
from shared.checksums import sha512_of
from shared.messaging.work import StaleLease
from shared.object_store.errors import StoreUnavailable
from tests.integration.storage.audited import (
    Stopped,
    an_auditor,
    audit,
    dying,
    nothing,
    read_now,
    sample,
    site_folder,
    stored,
    watched,
)
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot, overwrite, spoil

pytestmark = pytest.mark.integration

BOTH = pytest.mark.parametrize("kind", ["folders", "buckets"])


@BOTH
async def test_every_copy_on_every_site_is_read_again(open_depot: OpenDepot, kind: str) -> None:
    depot = await open_depot(kind)
    messages = await stored(depot, 5)

    await audit(depot)

    assert [await read_now(depot, message.aip_id) for message in messages] == [{"a", "b"}] * 5
    assert sorted(await depot.work()) == ["audit 0", "audit 0", "audit 1", "audit 1"]


async def test_the_oldest_come_first_and_what_is_young_is_left_alone(depot: Depot) -> None:
    messages = await stored(depot, 4)
    (young,) = await stored(depot, 1, days=0.3)
    before = {site: copy.verified_at for site, copy in (await depot.copies(young.aip_id)).items()}
    read: list[str] = []

    async def noted(key: str) -> None:
        read.append(key)

    one_hand = replace(depot, settings=depot.settings.model_copy(update={"audit_hands": 1}))
    await audit(watched(one_hand, "a", noted))

    keys = [(await depot.holding(message.aip_id)).key for message in messages]
    assert read == keys
    assert {site: copy.verified_at for site, copy in (await depot.copies(young.aip_id)).items()} == before


async def test_what_nobody_audits_is_left_alone(depot: Depot) -> None:
    refused, lost = await stored(depot, 2)
    await depot.databases.as_superuser("UPDATE storage.holding SET state = 'purging' WHERE id = $1", refused.aip_id)
    await depot.databases.as_superuser("UPDATE storage.copy SET state = 'lost' WHERE holding = $1", lost.aip_id)

    await audit(depot)

    assert await read_now(depot, refused.aip_id) == await read_now(depot, lost.aip_id) == set()


DAMAGES = ["flipped", "cut", "missing", "swapped", "longer"]


async def damage(depot: Depot, site: str, copy: Copy, how: str, other: bytes) -> None:
    """Have a site hold something else than was written, as no call of ours could."""
    content = await depot.kept(site, copy.key, copy.version_id)
    flipped = bytes([content[0] ^ 1]) + content[1:]
    wrong = {"flipped": flipped, "cut": content[:-1], "longer": content + b"\0", "swapped": other}
    if copy.version_id is None:
        path = depot.file(site, copy.key)
        if how == "missing":
            path.unlink()
        else:
            overwrite(path, wrong[how])
        return
    # A bucket changes nothing that is locked: what the map says stands for what a worn medium would give.
    store = depot.sites[site].store
    if how == "missing":
        version = "0" * 32
    else:
        put = await store.put_over(copy.key, wrong[how], size=len(wrong[how]), sha512=sha512_of(wrong[how]))
        version = str(put.version_id)
    statement = "UPDATE storage.copy SET version_id = $2 WHERE site = $1 AND version_id = $3"
    await depot.databases.as_superuser(statement, site, version, copy.version_id)


@BOTH
async def test_a_copy_that_is_not_what_was_written_is_lost(open_depot: OpenDepot, kind: str) -> None:
    depot = await open_depot(kind)
    good, *bad = await stored(depot, 1 + len(DAMAGES))
    found_before = sample("copies_lost_total", site="a")
    other = b"".join([chunk async for chunk in await depot.staging.open_range(good.staging_key)])
    for how, message in zip(DAMAGES, bad, strict=True):
        await damage(depot, "a", (await depot.copies(message.aip_id))["a"], how, other)

    await audit(depot)

    for how, message in zip(DAMAGES, bad, strict=True):
        states = {site: copy.state for site, copy in (await depot.copies(message.aip_id)).items()}
        assert states == {"a": CopyState.LOST, "b": CopyState.VERIFIED}, how
        assert await read_now(depot, message.aip_id) == {"b"}, how
    assert await read_now(depot, good.aip_id) == {"a", "b"}
    lines = [line for line in await depot.lines("copy.written") if line.outcome == "ko"]
    told = {(line.object, line.details["site"], line.establishment) for line in lines}
    assert told == {(f"aip:{message.aip_id}", "a", message.establishment) for message in bad}
    assert sample("copies_lost_total", site="a") == found_before + len(bad)
    # The work on each is whose the AIP is, and the hands go on under their own lease.
    rows = await depot.databases.as_superuser("SELECT key, owner FROM storage.work WHERE kind = 'write'")
    owners = {(f"{message.aip_id}/1/a", str(message.establishment)) for message in bad}
    assert {(row["key"], row["owner"]) for row in rows} == owners
    assert len([one for one in await depot.work() if one.startswith("audit")]) == 4


async def test_a_hand_that_is_stopped_in_the_middle_has_recorded_nothing(depot: Depot) -> None:
    (message,) = await stored(depot, 1)
    reading = asyncio.Event()

    async def hang(_key: str) -> None:
        reading.set()
        await asyncio.Event().wait()

    auditor = an_auditor(watched(watched(depot, "a", hang), "b", hang))
    await auditor.ask(depot.database)
    hands = [asyncio.create_task(auditor.audit(held)) for held in await depot.lease(AUDIT)]
    await reading.wait()
    for hand in hands:
        hand.cancel()
    await asyncio.gather(*hands, return_exceptions=True)

    assert await read_now(depot, message.aip_id) == set()
    await depot.release()
    await audit(depot)
    assert await read_now(depot, message.aip_id) == {"a", "b"}


async def test_a_site_that_is_away_gives_neither_losses_nor_successes(depot: Depot) -> None:
    messages = await stored(depot, 2)
    folder = site_folder(depot, "a")
    folder.rename(folder.with_name("elsewhere"))
    auditor = an_auditor(depot)
    await auditor.ask(depot.database)

    # Hands of site a that had something to read: no more than there were copies.
    assert 1 <= await depot.refused_for_now(auditor.audit, AUDIT) <= 2

    for message in messages:
        copies = await depot.copies(message.aip_id)
        assert {copy.state for copy in copies.values()} == {CopyState.VERIFIED}
        assert await read_now(depot, message.aip_id) == {"b"}


async def test_one_copy_that_cannot_be_read_keeps_no_other_from_it(depot: Depot) -> None:
    bad, *others = await stored(depot, 3)
    key = (await depot.holding(bad.aip_id)).key

    async def worn(asked: str) -> None:
        if asked == key:
            raise StoreUnavailable(f"{key}: Input/output error")

    unknown = sample("audited_copies_total", site="a", outcome="unknown")
    await audit(watched(depot, "a", worn))

    assert (await depot.copies(bad.aip_id))["a"].state is CopyState.VERIFIED
    assert await read_now(depot, bad.aip_id) == {"b"}
    assert [await read_now(depot, one.aip_id) for one in others] == [{"a", "b"}] * 2
    assert sample("audited_copies_total", site="a", outcome="unknown") == unknown + 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE storage.copy SET written_at = now() WHERE site = 'a'",
        "UPDATE storage.holding SET state = 'purging'",
    ],
    ids=["written again", "purged"],
)
async def test_a_copy_that_is_another_s_by_now_is_not_judged_by_what_was_read(depot: Depot, statement: str) -> None:
    (message,) = await stored(depot, 1)
    spoil(depot.file("a", (await depot.copies(message.aip_id))["a"].key))

    lost = sample("copies_lost_total", site="a")

    async def meanwhile(_key: str) -> None:
        await depot.databases.as_superuser(statement)

    await audit(watched(depot, "a", nothing, meanwhile))

    assert (await depot.copies(message.aip_id))["a"].state is CopyState.VERIFIED
    assert "a" not in await read_now(depot, message.aip_id)
    assert (sample("copies_lost_total", site="a"), await depot.lines("copy.overlaid")) == (lost, [])
    assert "write a" not in await depot.work()


@pytest.mark.parametrize("point", ["storage.audit.read", "storage.audit.noted"])
async def test_a_hand_that_dies_reads_one_copy_again_at_most(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    messages = await stored(depot, 6)
    one_hand = replace(depot, settings=depot.settings.model_copy(update={"audit_hands": 1}))
    auditor = an_auditor(one_hand)
    await auditor.ask(depot.database)
    first = next(held for held in await depot.lease(AUDIT) if held.key == "a/0")
    passed = dying(monkeypatch, point, 3)
    with pytest.raises(Stopped):
        await auditor.audit(first)
    await depot.release()

    again = next(held for held in await depot.lease(AUDIT) if held.key == "a/0")
    await auditor.audit(again)

    assert passed.count("storage.audit.read") in (6, 7)
    assert [await read_now(depot, message.aip_id) for message in messages] == [{"a"}] * 6


async def test_a_hand_whose_lease_is_another_s_records_nothing(depot: Depot) -> None:
    (message,) = await stored(depot, 1)
    auditor = an_auditor(depot)
    await auditor.ask(depot.database)
    stale = await depot.lease(AUDIT)
    await depot.databases.as_superuser("UPDATE storage.work SET epoch = epoch + 1")

    for held in stale:
        with pytest.raises(StaleLease):
            await auditor.audit(held)

    assert await read_now(depot, message.aip_id) == set()


async def test_hands_of_two_processes_share_a_site_out(depot: Depot) -> None:
    messages = await stored(depot, 12)
    read: list[str] = []

    async def noted(key: str) -> None:
        read.append(key)

    shared = watched(depot, "a", noted)
    processes = [an_auditor(shared), an_auditor(shared)]
    await processes[0].ask(depot.database)
    await processes[1].ask(depot.database)
    work = await depot.lease(AUDIT)

    await asyncio.gather(*(processes[number % 2].audit(held) for number, held in enumerate(work)))

    assert len(work) == 4
    assert sorted(read) == sorted([(await depot.holding(message.aip_id)).key for message in messages])
    assert [await read_now(depot, message.aip_id) for message in messages] == [{"a", "b"}] * 12


async def test_rows_of_hands_and_sites_that_are_no_more_go(depot: Depot) -> None:
    auditor = an_auditor(replace(depot, settings=depot.settings.model_copy(update={"audit_hands": 3})))
    await auditor.ask(depot.database)
    await depot.databases.as_superuser("UPDATE storage.work SET key = 'burnt/' || id WHERE key = 'a/0'")

    await audit(depot)

    rows = await depot.databases.as_superuser("SELECT key FROM storage.work ORDER BY key")
    assert [row["key"] for row in rows] == ["a/0", "a/1", "b/0", "b/1"]


async def test_a_hand_rests_as_long_as_its_share_asks(depot: Depot) -> None:
    await stored(depot, 8)
    slept: list[float] = []
    passed: list[float] = [0.0]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        passed[0] += seconds

    async def slowly(_key: str) -> None:
        await asyncio.sleep(0.02)

    shared = replace(depot, settings=depot.settings.model_copy(update={"audit_hands": 1, "audit_share": 0.25}))
    shared = watched(shared, "a", slowly)
    auditor = an_auditor(shared, Times(lambda: passed[0], sleep))
    await auditor.ask(depot.database)
    held = next(held for held in await depot.lease(AUDIT) if held.key == "a/0")
    await auditor.audit(held)

    rows = await depot.databases.as_superuser("SELECT recent_seconds, copies FROM storage.audit_hand")
    assert [row["copies"] for row in rows] == [8]
    # Three times what was read; the sums fade by a thousandth with each copy.
    assert sum(slept) == pytest.approx(3 * rows[0]["recent_seconds"], rel=0.02)


async def test_a_long_rest_is_taken_by_the_row_and_not_by_the_hand(depot: Depot) -> None:
    await stored(depot, 1)
    shared = replace(depot, settings=depot.settings.model_copy(update={"audit_share": 0.0001}))

    async def never(_seconds: float) -> None:
        raise AssertionError("nobody sleeps for minutes with a lease in hand")

    async def slowly(_key: str) -> None:
        await asyncio.sleep(0.02)

    await audit(
        depot,
        an_auditor(
            watched(watched(shared, "a", slowly), "b", slowly),
            Times(sleep=never),
        ),
    )

    rows = await depot.databases.as_superuser(
        "SELECT not_before > now() + interval '90 seconds' AS late, last_error, attempts FROM storage.work"
    )
    assert sorted(row["late"] for row in rows) == [False, False, True, True]
    assert {(row["last_error"], row["attempts"]) for row in rows} == {(None, 0)}
