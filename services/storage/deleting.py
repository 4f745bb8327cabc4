"""Begin to delete: from here on nobody reads, writes, or repairs these versions, and a worker deletes each copy."""

from collections.abc import Sequence
from uuid import UUID

from services.storage.domain.copies import CopyState
from services.storage.domain.holdings import Holding
from services.storage.domain.purges import PurgeOrder, PurgeState
from services.storage.handlers import REWRITE, VERIFY, WRITE, work_key
from services.storage.queries import holdings, purges
from shared.clock import now
from shared.messages.storage import PurgeBegunV1
from shared.messaging.lease import Piece
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue

PURGE = "purge"
"""Delete one copy from its site and prove that it is gone; the key is that of the copy."""

COPYING = (WRITE, VERIFY)
"""Work that would have a copy there again."""


async def start_deleting(
    tx: Transaction, order: PurgeOrder, versions: Sequence[Holding], remains: int | None, cause: UUID | None
) -> None:
    """Have these versions deleted everywhere, and the rooms forget what is in them alone; all were locked before.

    `remains` is the version that replaces them; None: nothing does.
    """
    await purges.step(tx.connection, order, PurgeState.DELETING if remains is None else PurgeState.RELEASING)
    tx.post(_begun(order, versions[0], remains), cause=cause)
    await holdings.set_states(tx.connection, [(one.id, one.version) for one in versions], "purging")
    await ask_for_deletions(tx, order, versions)


def _begun(order: PurgeOrder, version: Holding, remains: int | None) -> PurgeBegunV1:
    return PurgeBegunV1(
        order_id=order.id,
        establishment=order.establishment,
        aip_id=order.aip,
        transfer_id=UUID(version.facts["transfer_id"]),
        version=remains,
        units=order.units,
        objects=order.objects,
        purged_at=now(),
    )


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
