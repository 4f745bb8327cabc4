"""What the keeper writes down: one step of many copies in one transaction, each under its own lease."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.storage.domain.copies import Copy, is_stored
from services.storage.domain.holdings import Holding, HoldingKey
from services.storage.handlers import VERIFY, WRITE
from services.storage.queries import amounts, holdings
from services.storage.sites import OpenSite
from shared.messages.ingest import MemberV1
from shared.messages.journal import JournalKind, JournalLineV1
from shared.messages.storage import AipStorageRefusedV1, AipStoredV1, JournalStoredV1, ReceiptV1
from shared.messaging.lease import Lease, Piece
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue, finish

ACTOR = "room:storage"


@dataclass(frozen=True, slots=True)
class Step:
    """Where a copy stands after the work on it."""

    held: Lease
    holding: Holding
    copy: Copy


async def note_written(tx: Transaction, steps: Sequence[Step]) -> list[None]:
    """Note copies that were written, and have each read back by another task than its writer."""
    await holdings.put_copies(tx.connection, [(step.holding, step.copy) for step in steps])
    await finish(tx, *(step.held for step in steps))
    await enqueue(tx, VERIFY, *(_further(step) for step in steps))
    # Last, so that its rows, which everybody wants, are locked for no longer than the commit takes.
    await amounts.add_usage(tx.connection, _sizes(steps))
    return [None] * len(steps)


def _sizes(steps: Sequence[Step]) -> Mapping[str, Sequence[int]]:
    sizes: dict[str, list[int]] = {}
    for step in steps:
        sizes.setdefault(step.copy.site, []).append(step.holding.size)
    return sizes


async def note_verified(sites: Mapping[str, OpenSite], tx: Transaction, steps: Sequence[Step]) -> list[None]:
    """Count copies that were read back whole, and tell of the holdings of which these were the last."""
    keys = {(step.holding.id, step.holding.version) for step in steps}
    # Locked, so that of two copies verified at once exactly one finds itself the last.
    locked = await holdings.lock_holdings(tx.connection, keys)
    await holdings.put_copies(tx.connection, [(step.holding, step.copy) for step in steps])
    await finish(tx, *(step.held for step in steps))
    for step in steps:
        tx.journal(_write_line(step.holding, step.copy))
    await _conclude(sites, tx, [one for one in locked.values() if one.state == "storing"], _causes(steps))
    return [None] * len(steps)


def _causes(steps: Sequence[Step]) -> dict[HoldingKey, UUID | None]:
    return {(step.holding.id, step.holding.version): step.held.cause for step in steps}


async def _conclude(
    sites: Mapping[str, OpenSite],
    tx: Transaction,
    storing: Sequence[Holding],
    causes: Mapping[HoldingKey, UUID | None],
) -> None:
    copies = await holdings.copies_of_all(tx.connection, storing)
    # On the sites each was taken in for: one declared since is filled by other means.
    stored = [one for one in storing if _everywhere(copies[one.id, one.version])]
    await holdings.set_states(tx.connection, [(one.id, one.version) for one in stored], "stored")
    for one in stored:
        on_sites = copies[one.id, one.version]
        tx.journal(_stored_line(one, len(on_sites)))
        if one.kind == "aip":
            tx.post(_aip_stored(sites, one, on_sites), cause=causes[one.id, one.version])
        elif one.kind == "journal":
            tx.post(_journal_stored(one), cause=causes[one.id, one.version])


def _everywhere(copies: Sequence[Copy]) -> bool:
    return is_stored(copies, [copy.site for copy in copies])


def _aip_stored(sites: Mapping[str, OpenSite], holding: Holding, copies: Sequence[Copy]) -> AipStoredV1:
    return AipStoredV1(
        aip_id=holding.id,
        transfer_id=UUID(holding.facts["transfer_id"]),
        establishment=_establishment(holding),
        version=holding.version,
        sha512=holding.sha512,
        size=holding.size,
        receipts=tuple(_receipt(sites, holding, copy) for copy in copies),
        catalogue=MemberV1.model_validate(holding.facts["catalogue"]),
    )


def _journal_stored(holding: Holding) -> JournalStoredV1:
    return JournalStoredV1(journal=holding.facts["journal"], number=holding.version, sha512=holding.sha512)


def _receipt(sites: Mapping[str, OpenSite], holding: Holding, copy: Copy) -> ReceiptV1:
    if copy.verified_at is None:
        raise AssertionError(f"{holding.key} on {copy.site} was not read back")
    return ReceiptV1(
        site=copy.site,
        place=sites[copy.site].site.place if copy.site in sites else "",
        key=holding.key,
        version_id=copy.version_id,
        sha512=copy.expected.sha512,
        verified_at=copy.verified_at,
    )


async def note_lost(tx: Transaction, steps: Sequence[Step]) -> list[None]:
    """Note copies that are not what they must be: never counted, and to be written again."""
    await holdings.put_copies(tx.connection, [(step.holding, step.copy) for step in steps])
    await finish(tx, *(step.held for step in steps))
    await enqueue(tx, WRITE, *(_further(step) for step in steps))
    for step in steps:
        tx.journal(_write_line(step.holding, step.copy).model_copy(update={"outcome": "ko"}))
    return [None] * len(steps)


async def refuse(tx: Transaction, held: Lease, holding: Holding, reason: str) -> None:
    """Give up an AIP whose staged bytes are not those announced, and tell so."""
    key = (holding.id, holding.version)
    locked = await holdings.lock_holdings(tx.connection, [key])
    await finish(tx, held)
    if key not in locked or locked[key].state != "storing":
        return
    await holdings.set_states(tx.connection, [key], "refused")
    told = AipStorageRefusedV1(
        aip_id=holding.id,
        transfer_id=UUID(holding.facts["transfer_id"]),
        establishment=_establishment(holding),
        reason=reason,
    )
    tx.post(told, cause=held.cause)


def _further(step: Step) -> Piece:
    held = step.held
    return Piece(held.key, cause=held.cause, owner=held.owner, lane=held.lane)


def _establishment(holding: Holding) -> UUID:
    if holding.establishment is None:
        raise AssertionError(f"AIP {holding.id} belongs to nobody")
    return holding.establishment


def told_of(holding: Holding) -> UUID | None:
    """Return whose journal tells of a holding: its establishment's, but of a journal the platform's.

    Lines about copies of a container would else be in the next container of the same journal, whose copies give lines
    again: each establishment's journal would grow for ever of itself. So only one journal does, once a period.
    """
    return None if holding.kind == "journal" else holding.establishment


def _write_line(holding: Holding, copy: Copy) -> JournalLineV1:
    """Return the line of the write log: what a site holds, as read back from it (NF Z42-013)."""
    return JournalLineV1(
        kind="writes",
        action="copy.written",
        actor=ACTOR,
        object=f"{holding.kind}:{holding.id}",
        establishment=told_of(holding),
        details={
            "site": copy.site,
            "key": holding.key,
            "version": holding.version,
            "version_id": copy.version_id or "",
            "sha512": holding.sha512,
            "size": holding.size,
        },
    )


def _stored_line(holding: Holding, copies: int) -> JournalLineV1:
    kind: JournalKind = "writes" if holding.kind == "journal" else "archives"
    return JournalLineV1(
        kind=kind,
        action=f"{holding.kind}.stored",
        actor=ACTOR,
        object=f"{holding.kind}:{holding.id}",
        establishment=told_of(holding),
        transfer_id=UUID(holding.facts["transfer_id"]) if holding.kind == "aip" else None,
        details={"version": holding.version, "copies": copies, "sha512": holding.sha512},
    )
