"""The versions before one that replaces them are released: once everybody reads that one, they are deleted."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.storage.deleting import start_deleting
from services.storage.domain.copies import CopyState
from services.storage.domain.holdings import Holding
from services.storage.domain.purges import PurgeOrder, PurgeState, is_written_by
from services.storage.holds import require_free
from services.storage.queries import holdings, purges
from services.storage.recording import is_everywhere
from services.storage.sites import OpenSite
from shared.faults import fault_point
from shared.messages.data_management import AipCataloguedV1
from shared.messaging.lease import Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish

RELEASE = "release"
"""Have the versions before one deleted; the key is the order that wrote that one, and its number."""


async def release_former(tx: Transaction, messages: Sequence[AipCataloguedV1]) -> None:
    """Have the versions before one that is catalogued released, where an order wrote that very version.

    Not as soon as that version is stored: until the catalogue tells of it, everybody reads the one before.
    """
    newer = {(one.aip_id, one.version): one.message_id for one in messages if one.version > 1}
    for order in await purges.under_way(tx.connection, {aip for aip, _ in newer}, PurgeState.REWRITING):
        for one in await purges.versions(tx.connection, order.aip):
            if (one.id, one.version) in newer and is_written_by(order, one):
                cause = newer[one.id, one.version]
                piece = Piece(f"{order.id}/{one.version}", cause=cause, owner=str(order.establishment))
                await enqueue(tx, RELEASE, piece)


class Releaser:
    """Releases versions that were replaced."""

    def __init__(self, database: RoomDatabase, sites: Mapping[str, OpenSite]) -> None:
        self._database = database
        self._sites = sites

    async def release(self, held: Lease) -> None:
        """Begin to delete what a version replaces. Raises `TryAgain` while it is not whole, or a hold stands."""
        order_id, _, number = held.key.partition("/")
        await require_free(self._database, self._sites, UUID(order_id))
        async with self._database.begin() as tx:
            order = await purges.find(tx.connection, UUID(order_id), lock=True)
            if order is not None and order.state is PurgeState.REWRITING:
                await self._release(tx, order, int(number), held.cause)
            await finish(tx, held)
        fault_point("storage.purge.released")

    async def _release(self, tx: Transaction, order: PurgeOrder, number: int, cause: UUID | None) -> None:
        versions = await purges.versions(tx.connection, order.aip, lock=True)
        (ours,) = (one for one in versions if one.version == number)
        await self._require_whole(tx, order, ours)
        former = [one for one in versions if one.version < number and one.state != "purged"]
        if not former:
            raise AssertionError(f"order {order.id}: there is nothing that version {number} replaces")
        await start_deleting(tx, order, former, ours.version, cause)

    async def _require_whole(self, tx: Transaction, order: PurgeOrder, ours: Holding) -> None:
        """Raise `TryAgain` unless every site has the version that stays: one may have lost it since it was stored."""
        if not is_written_by(order, ours):
            raise AssertionError(f"order {order.id} did not write {ours.key}")
        copies = (await holdings.copies_of_all(tx.connection, [ours]))[ours.id, ours.version]
        counting = [copy for copy in copies if copy.state is not CopyState.RETIRED]
        if ours.state != "stored" or not is_everywhere(self._sites, counting):
            states = ", ".join(f"{copy.state} on {copy.site}" for copy in counting)
            raise TryAgain(f"{ours.key} is {ours.state}, {states}: what it replaces stays for now")
