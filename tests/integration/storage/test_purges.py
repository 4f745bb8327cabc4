"""Purges: on order only, every copy on every site, proven gone; whatever crashes or waits meanwhile (LIF-07)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from typing_extensions import override

from services.storage.deleting import PURGE
from services.storage.domain.copies import CopyState
from services.storage.domain.purges import PurgeState
from services.storage.handlers import VERIFY, WRITE
from services.storage.purging import Purger
from services.storage.reading import content
from shared import faults
from shared.messages.storage import AipPurgedV1
from shared.messaging.lease import Piece
from shared.messaging.outcome import Rejected, TryAgain
from shared.messaging.work import StaleLease, enqueue
from shared.object_store.errors import NoSuchObject
from shared.object_store.filesystem_site import FilesystemSite
from shared.object_store.s3_site import S3Site
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot
from tests.integration.storage.purge_desk import PurgeDesk, an_order

pytestmark = pytest.mark.integration

KINDS = ["folders", "buckets"]
STEPS = sorted(point for point in faults.FAULT_POINTS if point.startswith("storage.purge."))


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
async def desk(depot: Depot) -> PurgeDesk:
    return PurgeDesk(depot)


def with_purger(depot: Depot) -> Depot:
    """The same depot, whose purger's keys may lift governance locks."""
    sites = {}
    for name, site in depot.sites.items():
        store = site.store
        purges = S3Site(store._bucket, purger=True) if isinstance(store, S3Site) else None  # noqa: SLF001
        sites[name] = replace(site, purges=purges)
    return replace(depot, sites=sites)


@pytest.fixture
async def open_desk(open_depot: OpenDepot) -> AsyncIterator["OpenDesk"]:
    opener = OpenDesk(open_depot)
    yield opener
    for desk in opener.opened:
        for site in desk.depot.sites.values():
            if site.purges is not None:
                await site.purges.close()


class OpenDesk:
    def __init__(self, open_depot: OpenDepot) -> None:
        self._open_depot = open_depot
        self.opened: list[PurgeDesk] = []

    async def __call__(self, kind: str) -> PurgeDesk:
        self.opened.append(PurgeDesk(with_purger(await self._open_depot(kind))))
        return self.opened[-1]


@contextmanager
def killed_at(point: str) -> Iterator[None]:
    def strike(name: str) -> None:
        if name == point:
            raise Killed(name)

    faults.strike = strike
    try:
        yield
    finally:
        faults.strike = None


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_left_of_what_was_ordered_and_all_of_the_rest(open_desk: OpenDesk, kind: str) -> None:
    desk = await open_desk(kind)
    message, other = await desk.stored(), await desk.stored()
    depot, key = desk.depot, (await desk.depot.holding(message.aip_id)).key

    order = await desk.purged(message)

    assert await desk.left(key) == {"a": 0, "b": 0}
    assert (await depot.holding(message.aip_id)).state == "purged"
    assert {copy.state for copy in (await depot.copies(message.aip_id)).values()} == {CopyState.PURGED}
    assert set((await depot.holding(message.aip_id)).facts) == {"transfer_id"}
    (told,) = await depot.told(AipPurgedV1)
    assert (told.order_id, told.aip_id, told.version, told.copies) == (order.order_id, message.aip_id, None, 2)
    assert told.size == 2 * message.size
    assert {line.details["site"] for line in await depot.lines("copy.deleted")} == {"a", "b"}
    (line,) = await depot.lines("aip.purged")
    assert (line.establishment, line.details["visa_sha512"]) == (message.establishment, "2" * 128)
    kept = await depot.holding(other.aip_id)
    assert [len(await depot.kept(name, kept.key)) for name in depot.sites] == [other.size, other.size]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_record_of_a_purge_stands_on_every_site(open_desk: OpenDesk, kind: str) -> None:
    desk = await open_desk(kind)
    order = await desk.purged(message := await desk.stored())

    record = await desk.depot.holding(order.order_id)

    assert (record.kind, record.state) == ("record", "stored")
    assert record.key == f"{message.establishment}/records/purge/{order.order_id}/1.json"
    body = (await desk.depot.kept("b", record.key)).decode()
    assert all(f'"1/{site}"' in body for site in desk.depot.sites)
    assert str(message.aip_id) in body


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", STEPS)
async def test_a_purge_that_is_killed_anywhere_comes_to_the_same_end(
    open_desk: OpenDesk, kind: str, step: str
) -> None:
    desk = await open_desk(kind)
    message = await desk.stored()
    key = (await desk.depot.holding(message.aip_id)).key
    await desk.order(order := an_order(message))

    with killed_at(step), pytest.raises(Killed):
        await desk.work_off()
    await desk.work_off()

    assert (await desk.row(order)).state is PurgeState.DONE
    assert await desk.left(key) == {"a": 0, "b": 0}
    assert len(await desk.depot.told(AipPurgedV1)) == 1
    assert len(await desk.depot.lines("copy.deleted")) == 2
    assert await desk.depot.work() == []


async def test_an_order_told_again_changes_nothing(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(order := an_order(message))
    await desk.order(order)
    await desk.work_off()
    await desk.order(order)

    assert len(await desk.depot.told(AipPurgedV1)) == 1
    assert await desk.depot.work() == []


async def test_another_content_under_the_same_id_is_refused(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(order := an_order(message))

    with pytest.raises(Rejected, match="another content"):
        await desk.order(order.model_copy(update={"visa_sha512": "3" * 128}))


async def test_an_order_of_another_establishment_is_refused(desk: PurgeDesk) -> None:
    mine, theirs = await desk.stored(), await desk.stored()

    with pytest.raises(Rejected, match="has no AIP"):
        await desk.order(an_order(mine).model_copy(update={"establishment": theirs.establishment}))

    assert await desk.depot.work() == []


async def test_an_aip_that_was_purged_cannot_be_ordered_away_again(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.purged(message)

    with pytest.raises(Rejected, match="purged before"):
        await desk.order(an_order(message))


async def test_a_second_order_waits_for_the_first(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(an_order(message))

    with pytest.raises(TryAgain, match="under way"):
        await desk.order(an_order(message))


async def test_an_aip_that_is_not_stored_yet_is_not_purged(desk: PurgeDesk) -> None:
    message = await desk.depot.hand_over()

    with pytest.raises(TryAgain, match="not stored yet"):
        await desk.order(an_order(message))


async def test_units_of_an_aip_cannot_be_purged_by_a_release_that_rewrites_nothing(desk: PurgeDesk) -> None:
    message = await desk.stored()

    with pytest.raises(Rejected, match="cannot purge some units"):
        await desk.order(an_order(message, message.transfer_id))

    assert (await desk.depot.holding(message.aip_id)).state == "stored"


async def test_from_the_beginning_on_nobody_reads_it(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(an_order(message))
    await desk.begin()

    holding, copies = await desk.depot.holding(message.aip_id), await desk.depot.copies(message.aip_id)

    with pytest.raises(NoSuchObject, match="purge"):
        await content(holding, list(copies.values()), desk.depot.sites, 0, 1)


async def test_work_that_would_bring_it_back_is_dropped(desk: PurgeDesk) -> None:
    message = await desk.stored()
    async with desk.depot.database.begin() as tx:
        await enqueue(tx, WRITE, Piece(f"{message.aip_id}/1/a"))
        await enqueue(tx, VERIFY, Piece(f"{message.aip_id}/1/b"))
    await desk.order(an_order(message))
    await desk.begin()

    assert await desk.depot.work() == ["purge a", "purge b"]


async def test_a_worker_that_has_a_copy_in_hand_is_waited_for(desk: PurgeDesk) -> None:
    message = await desk.stored()
    async with desk.depot.database.begin() as tx:
        await enqueue(tx, WRITE, Piece(f"{message.aip_id}/1/a"))
    (writing,) = await desk.depot.lease(WRITE)
    await desk.order(order := an_order(message))
    await desk.begin()

    assert await desk.delete() == 1
    assert await desk.waits(order) == {"1/a": "at_work"}
    await desk.depot.keeper.write(writing)
    await desk.work_off()

    assert (await desk.row(order)).state is PurgeState.DONE


async def test_two_workers_on_one_copy_delete_it_once(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(an_order(message))
    await desk.begin()
    first, late = await desk.depot.lease(PURGE), Purger(desk.depot.database, desk.depot.sites)
    await desk.depot.release()
    await desk.delete()

    for held in first:
        with pytest.raises(StaleLease):
            await late.purge(held)

    assert len(await desk.depot.told(AipPurgedV1)) == 1
    assert len(await desk.depot.lines("copy.deleted")) == 2


async def test_the_last_two_copies_gone_at_once_are_one_end(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(an_order(message))
    await desk.begin()
    purger = Purger(desk.depot.database, desk.depot.sites)

    await asyncio.gather(*(purger.purge(held) for held in await desk.depot.lease(PURGE)))

    assert len(await desk.depot.told(AipPurgedV1)) == 1


async def test_a_site_that_is_away_is_waited_for(desk: PurgeDesk, tmp_path: Path) -> None:
    message = await desk.stored()
    await desk.order(order := an_order(message))
    await desk.begin()
    away = FilesystemSite(tmp_path / "never-mounted")
    dark = PurgeDesk(desk.depot.with_site("b", away))

    assert await dark.delete() == 1
    assert await desk.waits(order) == {"1/b": "away"}
    assert await desk.depot.told(AipPurgedV1) == []
    await desk.work_off()

    assert (await desk.row(order)).state is PurgeState.DONE
    await away.close()


async def test_a_site_that_was_retired_keeps_the_order_open(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(order := an_order(message))
    await desk.begin()
    fewer = PurgeDesk(replace(desk.depot, sites={"a": desk.depot.sites["a"]}))

    assert await fewer.delete() == 1

    row = await desk.row(order)
    assert (row.state, await desk.waits(order)) == (PurgeState.DELETING, {"1/b": "undeclared"})


class Liar(FilesystemSite):
    """A site that says that it has deleted."""

    @override
    async def purge(self, key: str) -> None:
        pass


async def test_a_site_that_lies_never_counts(desk: PurgeDesk, tmp_path: Path) -> None:
    message = await desk.stored()
    await desk.order(order := an_order(message))
    await desk.begin()
    lying = PurgeDesk(desk.depot.with_site("b", Liar(tmp_path / "site-b")))

    assert await lying.delete() == 1

    assert await desk.waits(order) == {"1/b": "still_there"}
    assert (await desk.depot.copies(message.aip_id))["b"].state is CopyState.VERIFIED
    assert await desk.depot.told(AipPurgedV1) == []
    await lying.depot.sites["b"].store.close()


async def test_what_was_set_aside_goes_too(desk: PurgeDesk) -> None:
    message = await desk.stored()
    key = (await desk.depot.holding(message.aip_id)).key
    good = await desk.depot.kept("a", key)
    await desk.depot.sites["a"].store.put_over(key, good, size=message.size, sha512=message.sha512)

    before = await desk.left(key)
    await desk.purged(message)

    assert (before, await desk.left(key)) == ({"a": 2, "b": 1}, {"a": 0, "b": 0})


async def test_a_lock_that_we_may_not_lift_is_waited_for_until_it_ends(open_depot: OpenDepot) -> None:
    desk = PurgeDesk(await open_depot("buckets"))
    message = await desk.stored()
    held = (await desk.depot.copies(message.aip_id))["a"]
    lock = (await desk.depot.sites["a"].store.stat(held.key, held.version_id)).retention
    assert lock is not None
    await desk.order(order := an_order(message))
    await desk.begin()

    assert await desk.delete() == 0

    wait = (await desk.row(order)).waits["1/a"]
    assert (wait["obstacle"], datetime.fromisoformat(wait["until"])) == ("locked", lock.until)
    (row,) = await desk.depot.databases.as_superuser(
        "SELECT not_before, last_error FROM storage.work WHERE key LIKE $1 AND kind = $2", "%/a", PURGE
    )
    assert (row["not_before"], row["last_error"]) == (lock.until, None)
    assert await desk.depot.told(AipPurgedV1) == []


async def test_a_legal_hold_holds_the_order_up_before_anything_is_deleted(open_desk: OpenDesk) -> None:
    desk = await open_desk("buckets")
    message = await desk.stored()
    held = (await desk.depot.copies(message.aip_id))["b"]
    store = desk.depot.sites["b"].store
    await store.hold(held.key, held.version_id, held=True)
    await desk.order(order := an_order(message))

    assert await desk.begin() == 1
    assert await desk.waits(order) == {"1/b": "held"}
    assert (await desk.depot.holding(message.aip_id)).state == "stored"
    await store.hold(held.key, held.version_id, held=False)
    await desk.work_off()

    assert (await desk.row(order)).state is PurgeState.DONE


async def test_a_hold_that_comes_in_the_middle_is_named(open_desk: OpenDesk) -> None:
    desk = await open_desk("buckets")
    message = await desk.stored()
    await desk.order(order := an_order(message))
    await desk.begin()
    held = (await desk.depot.copies(message.aip_id))["a"]
    await desk.depot.sites["a"].store.hold(held.key, held.version_id, held=True)

    assert await desk.delete() == 1

    assert await desk.waits(order) == {"1/a": "held"}
    assert await desk.left(held.key) == {"a": 1, "b": 0}
