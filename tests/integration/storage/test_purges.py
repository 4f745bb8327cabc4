"""Purges: on order only, every copy on every site, proven gone; whatever crashes or waits meanwhile (LIF-07)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from services.storage.deleting import PURGE
from services.storage.domain.copies import CopyState
from services.storage.domain.purges import PurgeState
from services.storage.queries import amounts
from services.storage.queries.sites import FIRST, add_copies
from services.storage.sites import OpenSite
from shared import faults
from shared.clock import now
from shared.messages.storage import AipPurgedV1, PurgeBegunV1
from shared.object_store.errors import StoreUnavailable
from shared.object_store.filesystem_site import FilesystemSite
from tests.integration.storage.conftest import OpenDepot, OpenDesk
from tests.integration.storage.purge_desk import PurgeDesk, an_order, without_purgers

pytestmark = pytest.mark.integration

KINDS = ["folders", "buckets"]
OF_UNITS = {"storage.purge.released"}
STEPS = sorted(point for point in faults.FAULT_POINTS - OF_UNITS if point.startswith("storage.purge."))


class Killed(BaseException):
    """The process is gone."""


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
    (begun,) = await depot.lines("purge.begun")
    assert begun.details["list_sha512"] == order.list_sha512
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


@pytest.mark.parametrize("step", STEPS)
async def test_in_buckets_a_purge_killed_anywhere_comes_to_the_same_end(open_desk: OpenDesk, step: str) -> None:
    """On folders `test_fault_points.py` does the same, and looks at the journal as well."""
    desk = await open_desk("buckets")
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


async def test_a_site_that_is_not_declared_keeps_the_order_open(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(order := an_order(message))
    await desk.begin()
    fewer = PurgeDesk(replace(desk.depot, sites={"a": desk.depot.sites["a"]}))

    assert await fewer.delete() == 2

    row = await desk.row(order)
    assert (row.state, await desk.waits(order)) == (PurgeState.DELETING, {"1/b": "undeclared"})
    assert (await desk.left((await desk.depot.copies(message.aip_id))["a"].key)) == {"a": 1, "b": 1}


async def test_an_order_does_not_begin_where_a_site_with_copies_is_not_declared(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(order := an_order(message))
    fewer = PurgeDesk(replace(desk.depot, sites={"a": desk.depot.sites["a"]}))

    assert await fewer.begin() == 1

    assert (await desk.row(order)).state is PurgeState.ORDERED
    assert await desk.waits(order) == {"1/b": "undeclared"}
    assert await desk.depot.told(PurgeBegunV1) == []


async def test_the_rooms_are_told_at_the_beginning_and_the_proof_comes_at_the_end(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(order := an_order(message))
    await desk.begin()

    (begun,) = await desk.depot.told(PurgeBegunV1)
    assert (begun.order_id, begun.aip_id, begun.transfer_id) == (order.order_id, message.aip_id, message.transfer_id)
    assert (begun.version, begun.units, await desk.depot.told(AipPurgedV1)) == (None, (), [])
    await desk.delete()

    assert len(await desk.depot.told(AipPurgedV1)) == 1
    assert len(await desk.depot.told(PurgeBegunV1)) == 1


async def test_a_copy_that_was_never_written_is_proven_and_not_counted(desk: PurgeDesk, third: OpenSite) -> None:
    message = await desk.stored()
    filled = PurgeDesk(desk.depot.and_site(third))
    async with desk.depot.database.begin() as tx:
        await add_copies(tx.connection, "c", FIRST, 10)
    order = await filled.purged(message)

    (told,) = await desk.depot.told(AipPurgedV1)
    assert (told.copies, told.size) == (2, 2 * message.size)
    assert {line.details["site"] for line in await desk.depot.lines("copy.deleted")} == {"a", "b"}
    assert set((await desk.row(order)).proofs) == {"1/a", "1/b", "1/c"}
    assert {copy.state for copy in (await desk.depot.copies(message.aip_id)).values()} == {CopyState.PURGED}


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
    desk = PurgeDesk(without_purgers(await open_depot("buckets")))
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
    # It is looked at again once a day, however far that end is: this one is two days off.
    assert now() < row["not_before"] < now() + timedelta(days=1) < lock.until
    assert row["last_error"] is None
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


class Dark(FilesystemSite):
    """A site that does not even say whether it holds anything."""

    @override
    async def is_held(self, key: str, version_id: str | None) -> bool:
        raise StoreUnavailable("no route")


async def test_what_does_not_tell_of_its_holds_keeps_every_copy(desk: PurgeDesk, tmp_path: Path) -> None:
    message = await desk.stored()
    await desk.order(order := an_order(message))
    await desk.begin()
    dark = PurgeDesk(desk.depot.with_site("b", Dark(tmp_path / "site-b")))

    assert await dark.delete() == 2

    assert await desk.waits(order) == {"1/b": "away"}
    assert await desk.left((await desk.depot.copies(message.aip_id))["a"].key) == {"a": 1, "b": 1}
    await dark.depot.sites["b"].store.close()


async def test_a_hold_that_comes_in_the_middle_is_named(open_desk: OpenDesk) -> None:
    """What is left stays, on whichever copy the hold stands."""
    desk = await open_desk("buckets")
    message = await desk.stored()
    await desk.order(order := an_order(message))
    await desk.begin()
    held = (await desk.depot.copies(message.aip_id))["a"]
    await desk.depot.sites["a"].store.hold(held.key, held.version_id, held=True)

    assert await desk.delete() == 2

    assert await desk.waits(order) == {"1/a": "held"}
    assert await desk.left(held.key) == {"a": 1, "b": 1}
    await desk.depot.sites["a"].store.hold(held.key, held.version_id, held=False)
    await desk.work_off()
    assert (await desk.row(order)).state is PurgeState.DONE


async def test_what_a_site_held_is_counted_no_more(desk: PurgeDesk) -> None:
    message, other = await desk.stored(), await desk.stored()
    await desk.purged(message)
    record = await desk.depot.holding((await desk.depot.told(AipPurgedV1))[0].order_id)

    async with desk.depot.database.reading() as connection:
        used = await amounts.usage(connection)

    assert used == dict.fromkeys(desk.depot.sites, other.size + record.size)
