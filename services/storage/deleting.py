"""Begin to delete: from here on nobody reads, writes, or repairs these versions, and a worker deletes each copy."""

from collections.abc import Sequence
from uuid import UUID

from services.storage.domain.copies import CopyState
from services.storage.domain.holdings import Holding
from services.storage.domain.purges import PurgeOrder, PurgeState
from services.storage.handlers import REWRITE, VERIFY, WRITE, work_key
from services.storage.queries import holdings, purges
from shared.messages.data_management import AipCataloguedV1
from shared.messaging.lease import Piece
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue

PURGE = "purge"
"""Delete one copy from its site and prove that it is gone; the key is that of the copy."""

COPYING = (WRITE, VERIFY)
"""Work that would have a copy there again."""


async def start_deleting(
    tx: Transaction, order: PurgeOrder, versions: Sequence[Holding], following: PurgeState
) -> None:
    """Have these versions deleted everywhere, and take the order to its next state; all were locked before."""
    await purges.step(tx.connection, order, following)
    await holdings.set_states(tx.connection, [(one.id, one.version) for one in versions], "purging")
    await ask_for_deletions(tx, order, versions)


async def ask_for_deletions(tx: Transaction, order: PurgeOrder, versions: Sequence[Holding]) -> int:
    """Ask for the deletion of each copy that is still there; return how many there are."""
    copies = await holdings.copies_of_all(tx.connection, versions)
    left = [
        work_key(*key, copy.site)
        for key, found in copies.items()
        for copy in found
        if copy.state is not CopyState.PURGED
    ]
    await purges.drop_idle(tx.connection, COPYING, left)
    await enqueue(tx, PURGE, *(Piece(key, owner=str(order.establishment)) for key in left))
    return len(left)


async def ask_to_rewrite(tx: Transaction, order: PurgeOrder, cause: UUID | None) -> None:
    """Have the version written that is to replace an AIP."""
    piece = Piece(str(order.id), {"order": dict(order.ordered)}, cause, owner=str(order.establishment))
    await enqueue(tx, REWRITE, piece)


async def rewrite_again(tx: Transaction, refused: Holding, cause: UUID | None) -> None:
    """Where a version was refused that was to replace an AIP, have another written."""
    for order in await purges.under_way(tx.connection, [refused.id], PurgeState.REWRITING):
        await ask_to_rewrite(tx, order, cause)


async def release_former(tx: Transaction, messages: Sequence[AipCataloguedV1]) -> None:
    """Of AIPs catalogued in a version that was written to replace others, have the others deleted.

    Not as soon as that version is stored: until the catalogue tells of it, everybody reads the one before.
    """
    newer = {one.aip_id: one.version for one in messages if one.version > 1}
    if not newer:
        return
    for found in await purges.under_way(tx.connection, newer, PurgeState.REWRITING):
        order = await purges.find(tx.connection, found.id, lock=True)
        if order is None or order.state is not PurgeState.REWRITING:
            continue
        versions = await purges.versions(tx.connection, order.aip, lock=True)
        former = [one for one in versions if one.version < newer[order.aip] and one.state != "purged"]
        await start_deleting(tx, order, former, PurgeState.RELEASING)
