"""Purges beside everything else: whoever reads, writes, audits or purges at the same moment changes no end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from typing_extensions import override

from services.storage.deleting import PURGE
from services.storage.domain.copies import Copy, CopyState
from services.storage.domain.holdings import Holding
from services.storage.domain.purges import PurgeOrder, PurgeState
from services.storage.handlers import VERIFY, WRITE
from services.storage.purging import Purger
from services.storage.queries import holdings
from services.storage.reading import content
from services.storage.repairing import Loss, lose
from services.storage.restore_testing import RESTORE, RestoreTester, plan_tests
from services.storage.sites import OpenSite
from services.storage.worker import Keeper
from shared.messages.admin import PurgeOrderedV1
from shared.messages.storage import AipPurgedV1, CopyCorruptedV1, RestoreTestedV1
from shared.messaging.lease import Lane, Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.work import StaleLease, enqueue
from shared.object_store.errors import NoSuchObject
from shared.object_store.port import Receipt
from tests.integration.storage.harm import audit, remove
from tests.integration.storage.purge_desk import PurgeDesk, an_order

pytestmark = pytest.mark.integration


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


class Interrupted(Keeper):
    """A writer that has put a copy on its site when something else happens, and notes it afterwards."""

    meanwhile: Callable[[], Awaitable[None]]

    @override
    async def _put(self, holding: Holding, copy: Copy, opened: OpenSite) -> Receipt | None:
        receipt = await super()._put(holding, copy, opened)
        await self.meanwhile()
        return receipt


async def written_when_a_purge_begins(desk: PurgeDesk, meanwhile: Callable[[], Awaitable[None]]) -> PurgeOrderedV1:
    """Have a copy that was lost written again, and a purge of it begin before that is noted."""
    message = await desk.stored()
    await remove(desk.depot, "a", (await desk.depot.holding(message.aip_id)).key)
    await audit(desk.depot, "a", message.aip_id)
    # As of a site that is being filled: nothing was ever written there.
    await desk.depot.databases.as_superuser("UPDATE storage.copy SET written_at = NULL WHERE site = 'a'")
    order = an_order(message)

    async def begin() -> None:
        await desk.order(order)
        await desk.begin()
        await meanwhile()

    keeper = Interrupted(desk.depot.database, desk.depot.sites, desk.depot.staging, desk.depot.settings)
    keeper.meanwhile = begin
    (writing,) = await desk.depot.lease(WRITE, Lane.BACKGROUND)
    await keeper.write(writing)
    return order


async def test_what_was_written_meanwhile_is_read_back_by_nobody(desk: PurgeDesk) -> None:
    """Who left that to do would have it in hand whenever the purge looks, and be waited for."""

    async def nothing_else() -> None:
        pass

    await written_when_a_purge_begins(desk, nothing_else)
    assert await desk.depot.work() == ["purge a", "purge b", "verify a"]

    for held in await desk.depot.lease(VERIFY, Lane.BACKGROUND):
        await desk.depot.keeper.verify(held)

    assert await desk.depot.work() == ["purge a", "purge b"]


async def test_what_was_written_while_its_deletion_was_taken_up_is_told_as_deleted(desk: PurgeDesk) -> None:
    found: dict[str, tuple[PurgeOrder, Holding, Copy] | None] = {}

    class Early(Purger):
        """One that looked at its copy before the writer had noted it."""

        @override
        async def _subject(self, held: Lease) -> tuple[PurgeOrder, Holding, Copy] | None:
            return found[held.key]

        async def look(self, held: Lease) -> None:
            found[held.key] = await super()._subject(held)

    purger, leases = Early(desk.depot.database, desk.depot.sites), []

    async def take_up() -> None:
        leases.extend(await desk.depot.lease(PURGE))
        for held in leases:
            await purger.look(held)

    order = await written_when_a_purge_begins(desk, take_up)
    for held in leases:
        await purger.purge(held)

    assert (await desk.row(order)).state is PurgeState.DONE
    assert sorted(str(line.details["site"]) for line in await desk.depot.lines("copy.deleted")) == ["a", "b"]


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


async def test_an_audit_that_ends_after_the_purge_changes_nothing(desk: PurgeDesk) -> None:
    message = await desk.stored()
    held = (await desk.depot.copies(message.aip_id))["a"]
    holding = await desk.depot.holding(message.aip_id)
    await desk.purged(message)

    # What it read while the copy was there.
    async with desk.depot.database.begin() as tx:
        await holdings.put_copies(tx.connection, [(holding, replace(held, state=CopyState.LOST))])

    assert (await desk.depot.copies(message.aip_id))["a"].state is CopyState.PURGED


async def test_a_restore_test_that_finds_it_gone_reports_no_loss(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await plan_tests(timedelta(0), desk.depot.database)
    (held,) = await desk.depot.lease(RESTORE)

    class Meanwhile(RestoreTester):
        """One that has chosen an AIP just before its purge began."""

        @override
        async def _choose(self, establishment: UUID) -> tuple[Holding, OpenSite, str | None] | None:
            chosen = await super()._choose(establishment)
            await desk.purged(message)
            return chosen

    tester = Meanwhile(desk.depot.database, desk.depot.sites)
    with pytest.raises(TryAgain, match="is being purged"):
        await tester.test(held)
    assert await desk.depot.told(RestoreTestedV1) == []


async def test_what_is_missing_because_it_is_being_purged_is_no_loss(desk: PurgeDesk) -> None:
    message = await desk.stored()
    holding, copy = await desk.depot.holding(message.aip_id), (await desk.depot.copies(message.aip_id))["a"]
    await desk.order(an_order(message))
    await desk.begin()

    async with desk.depot.database.begin() as tx:
        await lose(tx, [Loss(holding, replace(copy, state=CopyState.LOST), None)])

    assert await desk.depot.told(CopyCorruptedV1) == []
    assert await desk.depot.work() == ["purge a", "purge b"]
