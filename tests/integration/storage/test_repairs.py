"""A copy of a stored holding that is not what it must be is told, written again from a good one, and read back."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from services.storage.domain.copies import CopyState, read_back
from services.storage.handlers import VERIFY, WRITE
from services.storage.repairing import Loss, lose
from services.storage.sites import OpenSite
from shared import faults
from shared.clock import now
from shared.identifiers import new_id
from shared.messages.storage import AipStoredV1, CopyCorruptedV1, CopyRepairedV1
from shared.messaging.lease import Lane, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.work import StaleLease, enqueue
from shared.object_store.errors import StoreUnavailable
from shared.object_store.filesystem_site import FilesystemSite
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot, spoil
from tests.integration.storage.harm import (
    CONTENT,
    Damage,
    audit,
    background,
    flip,
    remove,
    repair,
    states,
    stored,
    swap,
    truncate,
)

pytestmark = pytest.mark.integration

BOTH = pytest.mark.parametrize("kind", ["folders", "buckets"])


@BOTH
@pytest.mark.parametrize(
    ("harm", "reason"), [(flip, "mismatch"), (truncate, "cut"), (swap, "cut"), (remove, "missing")]
)
async def test_a_copy_that_went_bad_is_told_and_comes_back_from_another_site(
    open_depot: OpenDepot, kind: str, harm: Damage, reason: str
) -> None:
    depot = await open_depot(kind)
    message = await stored(depot)
    key = (await depot.holding(message.aip_id)).key
    before = await depot.holding(message.aip_id)
    await harm(depot, "b", key)

    await audit(depot, "b", message.aip_id)

    (told,) = await depot.told(CopyCorruptedV1)
    assert (told.holding, told.site, told.reason, told.sha512) == (message.aip_id, "b", reason, message.sha512)
    assert (told.found_size is None) == (reason == "missing")
    assert (await states(depot, message), await depot.work()) == ({"a": "verified", "b": "lost"}, ["write b"])
    assert [line.details["reason"] for line in await depot.lines("copy.written") if line.outcome == "ko"] == [reason]
    assert await background(depot, WRITE) != [], "in hands apart: a deposit does not wait for it"
    await depot.release()

    await repair(depot)

    (repaired,) = await depot.told(CopyRepairedV1)
    copy = (await depot.copies(message.aip_id))["b"]
    assert (repaired.holding, repaired.site, repaired.version_id) == (message.aip_id, "b", copy.version_id)
    assert (copy.state, copy.lost_at, repaired.verified_at) == (CopyState.VERIFIED, None, copy.verified_at)
    assert await depot.kept("b", key, copy.version_id) == CONTENT
    (line,) = await depot.lines("copy.repaired")
    assert (line.kind, line.details["site"], line.transfer_id) == ("archives", "b", message.transfer_id)
    after = await depot.holding(message.aip_id)
    assert (after.state, after.stored_at) == ("stored", before.stored_at)
    assert (await depot.work(), len(await depot.told(AipStoredV1))) == ([], 1)


async def test_what_lay_there_is_set_aside_and_not_overwritten(depot: Depot) -> None:
    message = await stored(depot)
    file = depot.file("b", (await depot.holding(message.aip_id)).key)
    spoil(file)
    spoiled = file.read_bytes()

    await audit(depot, "b", message.aip_id)
    await repair(depot)

    (aside,) = (path for path in (depot.file("b", "x").parent / ".aside").rglob("*") if path.is_file())
    assert (aside.read_bytes(), file.read_bytes()) == (spoiled, CONTENT)


@BOTH
async def test_a_source_that_is_bad_too_is_told_and_the_next_is_asked(
    open_depot: OpenDepot, kind: str, third: OpenSite
) -> None:
    depot = (await open_depot(kind)).and_site(third)
    message = await stored(depot)
    key = (await depot.holding(message.aip_id)).key
    await flip(depot, "a", key)
    await truncate(depot, "b", key)
    await audit(depot, "b", message.aip_id)

    await repair(depot)
    assert await states(depot, message) == {"a": "lost", "b": "verified", "c": "verified"}
    await repair(depot)

    assert sorted(told.site for told in await depot.told(CopyCorruptedV1)) == ["a", "b"]
    assert sorted(told.site for told in await depot.told(CopyRepairedV1)) == ["a", "b"]
    assert set((await states(depot, message)).values()) == {"verified"}


async def test_a_source_that_is_away_is_waited_for_and_lost_by_nobody(depot: Depot) -> None:
    message = await stored(depot)
    key = (await depot.holding(message.aip_id)).key
    spoil(depot.file("b", key))
    await audit(depot, "b", message.aip_id)
    root = depot.file("a", "x").parent
    away = root.with_name("unmounted")
    root.rename(away)

    (held,) = await background(depot, WRITE)
    with pytest.raises(TryAgain, match="a: "):
        await depot.keeper.write(held)
    assert await states(depot, message) == {"a": "verified", "b": "lost"}
    assert (await depot.holding(message.aip_id)).state == "stored"

    away.rename(root)
    await depot.release()
    await repair(depot)
    assert set((await states(depot, message)).values()) == {"verified"}


async def test_of_three_sites_one_that_is_away_delays_no_repair(depot: Depot, third: OpenSite) -> None:
    depot = depot.and_site(third)
    message = await stored(depot)
    spoil(depot.file("b", (await depot.holding(message.aip_id)).key))
    await audit(depot, "b", message.aip_id)
    root = depot.file("a", "x").parent
    root.rename(root.with_name("unmounted"))

    await repair(depot)

    assert set((await states(depot, message)).values()) == {"verified"}


async def test_a_site_that_is_away_gets_its_copy_again_when_it_is_back(depot: Depot) -> None:
    message = await stored(depot)
    depot.file("b", (await depot.holding(message.aip_id)).key).unlink()
    await audit(depot, "b", message.aip_id)
    root = depot.file("b", "x").parent
    away = root.with_name("unmounted")

    root.rename(away)
    (held,) = await background(depot, WRITE)
    with pytest.raises(TryAgain):
        await depot.keeper.write(held)
    away.rename(root)
    await depot.release()
    (held,) = await background(depot, WRITE)
    await depot.keeper.write(held)
    root.rename(away)
    (held,) = await background(depot, VERIFY)
    with pytest.raises(TryAgain):
        await depot.keeper.verify(held)
    away.rename(root)
    await depot.release()
    await repair(depot)

    assert len(await depot.told(CopyRepairedV1)) == 1


async def test_the_same_loss_found_twice_is_one(depot: Depot) -> None:
    message = await stored(depot)
    spoil(depot.file("b", (await depot.holding(message.aip_id)).key))
    holding, copy = await depot.holding(message.aip_id), (await depot.copies(message.aip_id))["b"]
    loss = Loss(holding, read_back(copy, None, new_id(), now()), None)

    async def note() -> None:
        async with depot.database.begin() as tx:
            await lose(tx, [loss])

    await asyncio.gather(*(note() for _ in range(3)))
    assert (len(await depot.told(CopyCorruptedV1)), await depot.work()) == (1, ["write b"])
    await repair(depot)
    # A reader that was slow speaks of bytes that are there no more.
    await note()

    assert (len(await depot.told(CopyCorruptedV1)), await depot.work()) == (1, [])
    assert set((await states(depot, message)).values()) == {"verified"}


async def test_two_hands_on_one_repair_end_as_one(depot: Depot) -> None:
    message = await stored(depot)
    spoil(depot.file("b", (await depot.holding(message.aip_id)).key))
    await audit(depot, "b", message.aip_id)
    slow = await background(depot, WRITE)
    await depot.release()
    quick = await background(depot, WRITE)

    done = await asyncio.gather(*(depot.keeper.write(held) for held in (*slow, *quick)), return_exceptions=True)
    await depot.release()
    await repair(depot)

    assert [type(one) for one in done if one is not None] in ([StaleLease], [])
    assert (len(await depot.told(CopyRepairedV1)), await depot.work()) == (1, [])
    assert set((await states(depot, message)).values()) == {"verified"}


class Killed(BaseException):
    """The process died here."""


@pytest.mark.parametrize(
    "point",
    [
        "storage.repair.source",
        "storage.write.put",
        "storage.write.noted",
        "storage.verify.read",
        "storage.verify.noted",
    ],
)
async def test_a_crash_between_two_steps_of_a_repair_leads_to_the_same_end(
    depot: Depot, point: str, third: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    depot = depot.and_site(third)
    message = await stored(depot)
    key = (await depot.holding(message.aip_id)).key
    for site in ("a", "b"):
        spoil(depot.file(site, key))
    await audit(depot, "b", message.aip_id)

    def strike(name: str) -> None:
        if name == point:
            raise Killed

    monkeypatch.setattr(faults, "strike", strike)
    with pytest.raises(Killed):
        await repair(depot)
    monkeypatch.setattr(faults, "strike", None)
    for _ in range(3):
        await depot.release()
        await repair(depot)

    assert set((await states(depot, message)).values()) == {"verified"}
    assert sorted(told.site for told in await depot.told(CopyCorruptedV1)) == ["a", "b"]
    assert sorted(told.site for told in await depot.told(CopyRepairedV1)) == ["a", "b"]
    assert await depot.work() == []
    for site in ("a", "b"):
        assert len(list((depot.file(site, "x").parent / ".aside").iterdir())) == 1, "no good copy was set aside"


async def test_bytes_that_a_dead_worker_wrote_in_a_bucket_are_taken_over_and_locked(open_depot: OpenDepot) -> None:
    depot = await open_depot("buckets")
    message = await stored(depot)
    key = (await depot.holding(message.aip_id)).key
    await remove(depot, "b", key)
    await audit(depot, "b", message.aip_id)
    store = depot.sites["b"].store
    over = await store.put_over(key, CONTENT, size=len(CONTENT), sha512=message.sha512)
    versions = len(await store.versions(key))

    await repair(depot)

    copy = (await depot.copies(message.aip_id))["b"]
    facts = await store.stat(key, copy.version_id)
    assert (copy.state, copy.version_id) == (CopyState.VERIFIED, over.version_id)
    assert len(await store.versions(key)) == versions
    assert facts.retention is not None
    assert facts.retention.until > now() + timedelta(hours=23)


async def test_a_crash_once_a_loss_is_noted_leaves_the_work_that_mends_it(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await depot.hand_over(CONTENT)
    await depot.write()
    spoil(depot.file("b", (await depot.holding(message.aip_id)).key))

    def strike(name: str) -> None:
        if name == "storage.repair.lost":
            raise Killed

    monkeypatch.setattr(faults, "strike", strike)
    with pytest.raises(Killed):
        await depot.verify()
    monkeypatch.setattr(faults, "strike", None)
    for _ in range(2):
        await depot.release()
        await depot.work_off()

    assert ((await depot.holding(message.aip_id)).state, await depot.work()) == ("stored", [])
    # It never counted: nothing that was archived had been lost, and nothing was repaired.
    assert (await depot.told(CopyCorruptedV1), await depot.told(CopyRepairedV1)) == ([], [])


class Unsteady(FilesystemSite):
    """A folder behind a network that breaks off in the middle, or spoils what passes."""

    def __init__(self, root: Path, how: str) -> None:
        super().__init__(root)
        self._how = how

    @override
    async def open_range(
        self, key: str, version_id: str | None = None, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        chunks = await super().open_range(key, version_id, offset, length)
        return self._passed(b"".join([chunk async for chunk in chunks]))

    async def _passed(self, content: bytes) -> AsyncGenerator[bytes, None]:
        yield content[:1000]
        if self._how == "breaks off":
            raise StoreUnavailable("the line was cut")
        yield bytes(len(content) - 1000)


@pytest.mark.parametrize("how", ["breaks off", "spoils"])
async def test_a_line_that_is_bad_makes_no_copy_bad(depot: Depot, how: str) -> None:
    message = await stored(depot)
    key = (await depot.holding(message.aip_id)).key
    spoil(depot.file("b", key))
    spoiled = depot.file("b", key).read_bytes()
    await audit(depot, "b", message.aip_id)
    store = Unsteady(depot.file("a", "x").parent, how)

    (held,) = await background(depot, WRITE)
    with pytest.raises(TryAgain):
        await depot.with_site("a", store).keeper.write(held)
    assert await states(depot, message) == {"a": "verified", "b": "lost"}
    assert depot.file("b", key).read_bytes() == spoiled, "nothing is touched before the bytes are proved"
    await depot.release()
    await repair(depot)

    assert set((await states(depot, message)).values()) == {"verified"}
    await store.close()


async def test_a_whole_copy_that_is_locked_for_longer_than_is_wanted_now_is_taken_over(open_depot: OpenDepot) -> None:
    depot = await open_depot("buckets")
    message = await stored(depot)
    copy = (await depot.copies(message.aip_id))["a"]
    await depot.databases.as_superuser("UPDATE storage.copy SET state = 'lost', lost_at = now() WHERE site = 'a'")
    async with depot.database.begin() as tx:
        await enqueue(tx, WRITE, Piece(f"{message.aip_id}/1/a", lane=Lane.BACKGROUND))

    await repair(replace(depot, settings=depot.settings.model_copy(update={"retention_days": 1})))

    assert await states(depot, message) == {"a": "verified", "b": "verified"}
    assert len(await depot.sites["a"].store.versions(copy.key)) == 1
