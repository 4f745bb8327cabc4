"""What a purge writes down: each copy that is gone and, after the last, that the order is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import rfc8785

from services.storage.deleting import ask_for_deletions
from services.storage.domain.copies import Copy
from services.storage.domain.holdings import GOING, Holding
from services.storage.domain.keys import record_key
from services.storage.domain.purges import PurgeOrder, PurgeState, is_written_by, place
from services.storage.handlers import Arrival, take_records
from services.storage.lines import ACTOR
from services.storage.queries import amounts, holdings, purges
from services.storage.queries.sites import KnownSite, destroyed
from shared.checksums import sha512_of
from shared.clock import now, rfc3339
from shared.messages.journal import JournalLineV1
from shared.messages.storage import AipPurgedV1
from shared.messaging.lease import Lease
from shared.messaging.transaction import Transaction
from shared.messaging.work import finish

KEPT_FACTS = ("transfer_id",)
"""What stays of the facts of a purged AIP: identifiers, and the digest in its own column."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A copy that is no more: proven, or because somebody attests that its whole site was destroyed."""

    holding: Holding
    copy: Copy
    attested_by: str | None = None


async def note_deleted(tx: Transaction, held: Lease, order_id: UUID, gone: Gone, sites: Sequence[str]) -> None:
    """Note a copy that is gone; after the last of the order tell every room, and keep its record.

    One that was never written is noted as such, and neither journaled nor counted.
    """
    order = await purges.find(tx.connection, order_id, lock=True)
    # Before anything is believed of it: who lost the work may find that another has brought the order to its end.
    await finish(tx, held)
    if order is None or order.state is PurgeState.DONE:
        raise AssertionError(f"a copy of {gone.holding.key} was deleted without an order")
    versions = await purges.versions(tx.connection, order.aip, lock=True)
    gone = await _as_noted(tx, gone)
    holding, copy = gone.holding, gone.copy
    await purges.mark_purged(tx.connection, holding, copy.site)
    await purges.prove(tx.connection, order.id, place(holding.version, copy.site), now())
    if copy.written_at is not None:
        tx.journal(_deletion_line(order, gone))
    purging = [one for one in versions if one.state == "purging"]
    if not await ask_for_deletions(tx, order, purging):
        await _conclude(tx, order.id, versions, held, sites)
    if copy.written_at is not None:
        # Last, as its row is everybody's.
        await amounts.drop_usage(tx.connection, copy.site, holding.size)


async def _as_noted(tx: Transaction, gone: Gone) -> Gone:
    """Return a copy as it is known now: who wrote it may have noted so only once its deletion was taken up."""
    known = (await holdings.copies_of_all(tx.connection, [gone.holding]))[gone.holding.id, gone.holding.version]
    (copy,) = (one for one in known if one.site == gone.copy.site)
    return replace(gone, copy=copy)


async def _conclude(
    tx: Transaction, order_id: UUID, versions: Sequence[Holding], held: Lease, sites: Sequence[str]
) -> None:
    order = await purges.find(tx.connection, order_id)
    if order is None:
        raise AssertionError(f"order {order_id} is gone")
    remains = _what_remains(order, versions)
    gone = [one for one in versions if one.state == "purging"]
    copies = await holdings.copies_of_all(tx.connection, gone)
    sizes = [one.expected.size for found in copies.values() for one in found if one.written_at is not None]
    await purges.step(tx.connection, order, PurgeState.DONE)
    await holdings.forget(tx.connection, [(one.id, one.version) for one in gone], KEPT_FACTS)
    message = _purged(order, UUID(gone[0].facts["transfer_id"]), remains, sizes)
    tx.post(message, cause=held.cause)
    tx.journal(_purged_line(message))
    attested = _attested(order, await destroyed(tx.connection))
    await take_records(tx, [_record(order, message, attested)], sites)


def _what_remains(order: PurgeOrder, versions: Sequence[Holding]) -> int | None:
    """Return the version that an order wrote, if it did: beside it nothing may be left."""
    standing = [one for one in versions if one.state not in GOING]
    wanted = 1 if order.state is PurgeState.RELEASING else 0
    if len(standing) != wanted or not all(is_written_by(order, one) for one in standing):
        raise AssertionError(f"order {order.id}: of AIP {order.aip} stand {[one.version for one in standing]}")
    return standing[0].version if standing else None


def _attested(order: PurgeOrder, destroyed: Mapping[str, KnownSite]) -> list[dict[str, str]]:
    """Say who attests of which site of an order that it was destroyed, and since when that is noted."""
    concerned = {where.partition("/")[2] for where in order.proofs}
    return [
        {"site": name, "attested_by": one.attested_by or "", "attested_at": rfc3339(one.destroyed_at)}
        for name, one in destroyed.items()
        if name in concerned and one.destroyed_at is not None
    ]


def _purged(order: PurgeOrder, transfer: UUID, remains: int | None, sizes: Sequence[int]) -> AipPurgedV1:
    return AipPurgedV1(
        order_id=order.id,
        establishment=order.establishment,
        aip_id=order.aip,
        transfer_id=transfer,
        version=remains,
        units=order.units,
        copies=len(sizes),
        size=sum(sizes),
        list_sha512=order.ordered["list_sha512"],
        visa_sha512=order.ordered["visa_sha512"],
        purged_at=now(),
    )


def _record(order: PurgeOrder, message: AipPurgedV1, attested: Sequence[Mapping[str, str]]) -> Arrival:
    """Return the record of a purge: what was ordered and done, when each place was found empty, or who attests it."""
    body: dict[str, Any] = {
        "topic": message.topic,
        "fact": message.model_dump(mode="json"),
        "ordered": dict(order.ordered),
        "proofs": dict(order.proofs),
        "attested": list(attested),
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


def _deletion_line(order: PurgeOrder, gone: Gone) -> JournalLineV1:
    """Return the line of the write log: what a site no longer holds, as was looked for there, or is attested."""
    holding, copy = gone.holding, gone.copy
    return JournalLineV1(
        kind="writes",
        action="copy.deleted" if gone.attested_by is None else "copy.attested_destroyed",
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
            **({} if gone.attested_by is None else {"attested_sha512": sha512_of(gone.attested_by.encode())}),
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
