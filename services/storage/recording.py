"""What the keeper writes down: one step of many copies in one transaction, each under its own lease."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.storage import repairing
from services.storage.deleting import rewrite_again
from services.storage.domain.copies import Copy, CopyState, is_stored, is_unproven
from services.storage.domain.holdings import GOING, KEPT, Holding, HoldingKey, is_owed
from services.storage.domain.sites import place_of
from services.storage.handlers import FEWEST, UNSTAGE, VERIFY, WRITE, copy_key
from services.storage.lines import stored_line, write_line
from services.storage.queries import amounts, holdings
from services.storage.sites import OpenSite
from shared.checksums import Measure
from shared.messages.ingest import MemberV1
from shared.messages.message import Message
from shared.messages.storage import AipStorageRefusedV1, AipStoredV1, JournalStoredV1, ProofStoredV1, ReceiptV1
from shared.messaging.lease import Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue, finish


@dataclass(frozen=True, slots=True)
class Step:
    """Where a copy stands after the work on it.

    Of one that was read back, `found` is what its site gave: None for nothing.
    """

    held: Lease
    holding: Holding
    copy: Copy
    found: Measure | None = None


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
    whole = [(step.holding, repairing.found_again(step.copy)) for step in steps]
    await holdings.put_copies(tx.connection, whole)
    await finish(tx, *(step.held for step in steps))
    for step in steps:
        tx.journal(write_line(step.holding, step.copy))
    await repairing.note_whole(tx, locked, [((step.holding.id, step.holding.version), step.copy) for step in steps])
    await conclude(sites, tx, [one for one in locked.values() if one.state == "storing"], _causes(steps))
    return [None] * len(steps)


def _causes(steps: Sequence[Step]) -> dict[HoldingKey, UUID | None]:
    return {(step.holding.id, step.holding.version): step.held.cause for step in steps}


async def conclude(
    sites: Mapping[str, OpenSite],
    tx: Transaction,
    storing: Sequence[Holding],
    causes: Mapping[HoldingKey, UUID | None],
) -> None:
    """Tell of the holdings, locked before, that every declared site they were taken in for has given back whole.

    What is to lie on a site that is not declared here is written there later, from one of these.
    """
    found = await holdings.copies_of_all(tx.connection, storing)
    copies = {key: [copy for copy in of if copy.state is not CopyState.RETIRED] for key, of in found.items()}
    stored = [one for one in storing if is_everywhere(sites, copies[one.id, one.version])]
    await holdings.set_states(tx.connection, [(one.id, one.version) for one in stored], "stored")
    for one in stored:
        on_sites = [copy for copy in copies[one.id, one.version] if copy.state is CopyState.VERIFIED]
        tx.journal(stored_line(one, len(on_sites)))
        await _unstage(tx, one)
        if one.kind == "aip":
            tx.post(_aip_stored(sites, one, on_sites), cause=causes.get((one.id, one.version)))
        elif one.kind in _STORED:
            tx.post(_STORED[one.kind](one), cause=causes.get((one.id, one.version)))


async def _unstage(tx: Transaction, holding: Holding) -> None:
    """Have what was staged here of a version removed. What ingest has staged, it removes itself."""
    if "order" in holding.facts:
        await enqueue(tx, UNSTAGE, Piece(holding.facts["staging_key"], owner=str(holding.establishment)))


def is_everywhere(sites: Mapping[str, OpenSite], copies: Sequence[Copy]) -> bool:
    """Say whether all copies on declared sites count, and those that count are on two places at least."""
    wanted = [copy.site for copy in copies if copy.site in sites]
    return is_stored(copies, wanted) and len({place_of(sites[name].site) for name in wanted}) >= FEWEST


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


def _proof_stored(holding: Holding) -> ProofStoredV1:
    return ProofStoredV1(kind=holding.facts["kind"], number=holding.version, sha512=holding.sha512)


_STORED: Mapping[str, Callable[[Holding], Message]] = {"journal": _journal_stored, "proof": _proof_stored}
"""What proof is told of what it made."""


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
    """Note copies that are not what they must be, and close the work that found them."""
    losses = [repairing.Loss(step.holding, step.copy, step.found, step.held.cause) for step in steps]
    await repairing.lose(tx, losses)
    await finish(tx, *(step.held for step in steps))
    return [None] * len(steps)


async def note_idle(tx: Transaction, leases: Sequence[Lease]) -> list[None]:
    """Close work on copies that need it no more.

    Looked at under the lock of those who ask for such work: what is needed again at this moment stays, and is taken
    up when the lease ends.
    """
    keys = {held.id: copy_key(held.key) for held in leases}
    await holdings.lock_holdings(tx.connection, {key[:2] for key in keys.values()})
    found = await holdings.subjects(tx.connection, list(keys.values()))
    await finish(tx, *(held for held in leases if not is_needed(held.kind, found.get(keys[held.id]))))
    return [None] * len(leases)


def is_needed(kind: str, subject: tuple[Holding, Copy] | None) -> bool:
    """Say whether a copy is still to be written, or read back; of what is being purged none is."""
    if subject is None or subject[0].state in GOING:
        return False
    return is_owed(*subject) if kind == WRITE else is_unproven(subject[1])


async def refuse(tx: Transaction, held: Lease, holding: Holding, reason: str) -> None:
    """Give up an AIP whose staged bytes are not those announced, and tell so. Raises `TryAgain` if it is stored."""
    key = (holding.id, holding.version)
    locked = await holdings.lock_holdings(tx.connection, [key])
    if key in locked and locked[key].state in KEPT:
        # Meanwhile, on the other sites: what was staged is gone, and they have it.
        raise TryAgain(f"{holding.key} is stored: this copy comes from another")
    await finish(tx, held)
    if key not in locked or locked[key].state != "storing":
        return
    await holdings.set_states(tx.connection, [key], "refused")
    # The next version has a place of its own in staging: nobody would look for this one any more.
    await _unstage(tx, holding)
    await rewrite_again(tx, holding, held.cause)
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
