"""What a purge writes down: each copy that is gone and, after the last, that the order is done."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import rfc8785

from services.storage.deleting import ask_for_deletions
from services.storage.domain.copies import Copy
from services.storage.domain.holdings import Holding
from services.storage.domain.keys import record_key
from services.storage.domain.purges import PurgeOrder, PurgeState, place
from services.storage.handlers import Arrival, take_records
from services.storage.lines import ACTOR
from services.storage.queries import amounts, holdings, purges
from shared.checksums import sha512_of
from shared.clock import now
from shared.messages.journal import JournalLineV1
from shared.messages.storage import AipPurgedV1
from shared.messaging.lease import Lease
from shared.messaging.transaction import Transaction
from shared.messaging.work import finish

KEPT_FACTS = ("transfer_id",)
"""What stays of the facts of a purged AIP: identifiers, and the digest in its own column."""


async def note_deleted(
    tx: Transaction, held: Lease, order_id: UUID, deleted: tuple[Holding, Copy], sites: Sequence[str]
) -> None:
    """Note a copy that was proven gone; after the last of the order tell every room, and keep its record."""
    holding, copy = deleted
    order = await purges.find(tx.connection, order_id, lock=True)
    if order is None or order.state is PurgeState.DONE:
        raise AssertionError(f"a copy of {holding.key} was deleted without an order")
    versions = await purges.versions(tx.connection, order.aip, lock=True)
    await finish(tx, held)
    await purges.mark_purged(tx.connection, holding, copy.site)
    await purges.prove(tx.connection, order.id, place(holding.version, copy.site), now())
    tx.journal(_deletion_line(order, holding, copy))
    purging = [one for one in versions if one.state == "purging"]
    if not await ask_for_deletions(tx, order, purging):
        await _conclude(tx, order.id, versions, held, sites)
    if copy.written_at is not None:
        # Last, as its row is everybody's.
        await amounts.drop_usage(tx.connection, copy.site, holding.size)


async def _conclude(
    tx: Transaction, order_id: UUID, versions: Sequence[Holding], held: Lease, sites: Sequence[str]
) -> None:
    order = await purges.find(tx.connection, order_id)
    if order is None:
        raise AssertionError(f"order {order_id} is gone")
    gone = [one for one in versions if one.state == "purging"]
    await purges.step(tx.connection, order, PurgeState.DONE)
    await holdings.forget(tx.connection, [(one.id, one.version) for one in gone], KEPT_FACTS)
    message = _purged(order, versions, gone)
    tx.post(message, cause=held.cause)
    tx.journal(_purged_line(message))
    await take_records(tx, [_record(order, message)], sites)


def _purged(order: PurgeOrder, versions: Sequence[Holding], gone: Sequence[Holding]) -> AipPurgedV1:
    sizes = {one.version: one.size for one in gone}
    proven = [int(where.partition("/")[0]) for where in order.proofs]
    standing = [one.version for one in versions if one.state in ("stored", "damaged")]
    return AipPurgedV1(
        order_id=order.id,
        establishment=order.establishment,
        aip_id=order.aip,
        transfer_id=UUID(gone[0].facts["transfer_id"]),
        version=max(standing, default=None),
        units=order.units,
        copies=len(proven),
        size=sum(sizes[version] for version in proven),
        list_sha512=order.ordered["list_sha512"],
        visa_sha512=order.ordered["visa_sha512"],
        purged_at=now(),
    )


def _record(order: PurgeOrder, message: AipPurgedV1) -> Arrival:
    """Return the record of a purge: what was ordered, what was done, and when each place was found empty."""
    body: dict[str, Any] = {
        "topic": message.topic,
        "fact": message.model_dump(mode="json"),
        "ordered": dict(order.ordered),
        "proofs": dict(order.proofs),
    }
    written = rfc8785.dumps(body)
    values = {
        "id": order.id,
        "version": 1,
        "kind": "record",
        "establishment": order.establishment,
        "key": record_key(order.establishment, "purge", order.id, 1),
        "sha512": sha512_of(written),
        "size": len(written),
        "facts": {"body": written.decode()},
    }
    return Arrival(values, message.message_id)


def _deletion_line(order: PurgeOrder, holding: Holding, copy: Copy) -> JournalLineV1:
    """Return the line of the write log: what a site no longer holds, as was looked for there."""
    return JournalLineV1(
        kind="writes",
        action="copy.deleted",
        actor=ACTOR,
        object=f"{holding.kind}:{holding.id}",
        establishment=holding.establishment,
        details={
            "order": str(order.id),
            "site": copy.site,
            "key": holding.key,
            "version": holding.version,
            "version_id": copy.version_id or "",
            "sha512": holding.sha512,
            "size": holding.size,
        },
    )


def _purged_line(message: AipPurgedV1) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action="aip.purged",
        actor=ACTOR,
        object=f"aip:{message.aip_id}",
        establishment=message.establishment,
        transfer_id=message.transfer_id,
        details={
            "order": str(message.order_id),
            "remains": message.version or 0,
            "units": len(message.units),
            "copies": message.copies,
            "size": message.size,
            "list_sha512": message.list_sha512,
            "visa_sha512": message.visa_sha512,
        },
    )
