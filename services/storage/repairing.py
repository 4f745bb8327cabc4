"""What follows when a copy is not what it must be: told, written anew from a good one, told again once it is whole.

    VERIFIED ──bad──▶ LOST ──written from another site's copy──▶ WRITTEN ──read back──▶ VERIFIED
     copy.corrupted.v1 │                                                  copy.repaired.v1
                       └── no copy left that may be good: the holding is `damaged`, until one is whole again
                           (`services.storage.restoring`)

Whoever finds it, a worker or an audit, says so here. A site that is away has lost nothing: unknown is neither good
nor bad.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from prometheus_client import Counter

from services.storage.domain.copies import Copy, CopyState, fault_of, is_same_writing, may_be_good
from services.storage.domain.holdings import GOING, KEPT, Holding, HoldingKey
from services.storage.handlers import WRITE, copy_key, lane_of, work_key
from services.storage.lines import damaged_line, life_line, lost_line, repaired_line
from services.storage.queries import holdings, standing
from services.storage.queries import losses as queries
from shared.checksums import Measure
from shared.messages.storage import CopyCorruptedV1, CopyRepairedV1
from shared.messaging.lease import Lane, Lease, Piece
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue, finish

log = logging.getLogger(__name__)

REPAIR = "repair"
"""Ask for the repairs of a site by and by (`services.storage.repair_walk`); the key is its name."""

MOST_WAITING = 500
"""Copies of one site that wait to be written again, at most, before a walk asks for the others."""

LOST = Counter("chartrier_copies_lost", "Copies that their site did not give back as they were written", ("site",))
REPAIRED = Counter("chartrier_copies_repaired", "Copies that were lost and are whole again", ("site",))


@dataclass(frozen=True, slots=True)
class Loss:
    """A copy as judged, LOST, and what its site gave back: None for nothing."""

    holding: Holding
    copy: Copy
    found: Measure | None
    cause: UUID | None = None


def count_from_zero(sites: Iterable[str]) -> None:
    """Show every site from the start: what first shows itself as 1 was never seen to increase."""
    for site in sites:
        LOST.labels(site)
        REPAIRED.labels(site)


async def lose(tx: Transaction, losses: Sequence[Loss]) -> None:
    """Note copies that are not what they must be, and have each written again; or name what is beyond repair.

    What was noted before, or speaks of bytes that another task has replaced since, or that are being purged, changes
    nothing.
    """
    locked = await holdings.lock_holdings(tx.connection, {_key(loss.holding) for loss in losses})
    known = await holdings.copies_of_all(tx.connection, locked.values())
    new = [
        loss
        for loss in losses
        if locked[_key(loss.holding)].state not in GOING and _is_news(loss, known[_key(loss.holding)])
    ]
    if not new:
        return
    await holdings.put_copies(tx.connection, [(loss.holding, loss.copy) for loss in new])
    for loss in new:
        _tell_lost(tx, loss, kept=locked[_key(loss.holding)].state in KEPT)
    touched = {key: locked[key] for key in map(_key, (loss.holding for loss in new))}
    damaged = await note_damage(tx, touched.values())
    pieces = [
        piece_again(locked[_key(loss.holding)], loss.copy.site, loss.cause)
        for loss in new
        if _key(loss.holding) not in damaged and touched[_key(loss.holding)].state in ("storing", "stored")
    ]
    await _ask(tx, pieces)


async def _ask(tx: Transaction, pieces: Sequence[Piece]) -> None:
    """Ask for repairs, as many as may wait on each site; a walk asks for the others by and by."""
    by_site: dict[str, list[Piece]] = {}
    for piece in pieces:
        by_site.setdefault(copy_key(piece.key)[2], []).append(piece)
    for site, wanted in by_site.items():
        room = max(0, MOST_WAITING - await queries.repairs_waiting(tx.connection, site, MOST_WAITING))
        await enqueue(tx, WRITE, *wanted[:room])
        if wanted[room:]:
            await enqueue(tx, REPAIR, Piece(site))


def _key(holding: Holding) -> HoldingKey:
    return holding.id, holding.version


def _is_news(loss: Loss, known: Sequence[Copy]) -> bool:
    return any(
        is_same_writing(copy, loss.copy) and copy.state in (CopyState.WRITTEN, CopyState.VERIFIED) for copy in known
    )


def _tell_lost(tx: Transaction, loss: Loss, *, kept: bool) -> None:
    holding, copy, found = loss.holding, loss.copy, loss.found
    fault = fault_of(copy.expected, found)
    tx.journal(lost_line(holding, copy, fault))
    if kept:
        told = CopyCorruptedV1(
            **_facts(holding, copy),
            reason=fault.value,
            found_sha512=None if found is None else found.sha512,
            found_size=None if found is None else found.size,
        )
        tx.post(told, cause=loss.cause)

    def alarm(committed: bool) -> None:  # noqa: FBT001 (said once, by the transaction)
        if committed:
            LOST.labels(copy.site).inc()
            log.error("a site gave back other bytes", extra={"site": copy.site, "key": holding.key, "fault": fault})

    tx.afterwards.append(alarm)


def _facts(holding: Holding, copy: Copy) -> dict[str, Any]:
    return {
        "holding": holding.id,
        "kind": holding.kind,
        "version": holding.version,
        "establishment": holding.establishment,
        "site": copy.site,
        "key": holding.key,
        "version_id": copy.version_id,
        "sha512": holding.sha512,
        "size": holding.size,
    }


async def note_damage(tx: Transaction, locked: Collection[Holding]) -> set[HoldingKey]:
    """Name the stored holdings, locked before, of which no copy is left that may be good; return them."""
    copies = await holdings.copies_of_all(tx.connection, [one for one in locked if one.state == "stored"])
    # What the database itself holds of a record is as good as a copy.
    damaged = [one for one in locked if one.state == "stored" and not _may_come_back(one, copies[_key(one)])]
    await holdings.set_states(tx.connection, [_key(one) for one in damaged], "damaged")
    for one in damaged:
        tx.journal(damaged_line(one))

    def alarm(committed: bool) -> None:  # noqa: FBT001 (said once, by the transaction)
        for one in damaged if committed else ():
            seen = {"kind": one.kind, "id": str(one.id), "version": one.version, "key": one.key}
            log.critical("no site has a good copy left", extra=seen)

    tx.afterwards.append(alarm)
    return {_key(one) for one in damaged}


def _may_come_back(holding: Holding, copies: Iterable[Copy]) -> bool:
    return may_be_good(copies) or holding.body is not None


async def give_up(tx: Transaction, held: Lease, holding: Holding) -> None:
    """Close the work of writing a copy for which no source is left: its holding is damaged, and said to be."""
    locked = await holdings.lock_holdings(tx.connection, [_key(holding)])
    await note_damage(tx, locked.values())
    now_is = (await holdings.lock_holdings(tx.connection, [_key(holding)]))[_key(holding)]
    if now_is.state == "damaged":
        await finish(tx, held)


def piece_again(holding: Holding, site: str, cause: UUID | None = None) -> Piece:
    """Return the work of writing a copy anew; of what is stored in hands apart, for it must delay no deposit."""
    return Piece(
        work_key(holding.id, holding.version, site),
        cause=cause,
        owner=str(holding.establishment or ""),
        lane=lane_of(holding.size) if holding.state == "storing" else Lane.BACKGROUND,
    )


async def note_whole(
    tx: Transaction, locked: Mapping[HoldingKey, Holding], found: Sequence[tuple[HoldingKey, Copy]]
) -> None:
    """Tell of copies, as they were before they were read back whole, that had been lost; end the damage of holdings.

    `locked` are their holdings as they stand, locked.
    """
    lost = [(*key, copy.site) for key, copy in found if copy.lost_at is not None]
    await standing.note_repaired(tx.connection, lost)
    for key, copy in found:
        if locked[key].state in KEPT and copy.lost_at is not None and copy.verified_at is not None:
            _tell_repaired(tx, locked[key], copy)
    ended = {key: locked[key] for key, _ in found if locked[key].state == "damaged"}
    await holdings.set_states(tx.connection, list(ended), "stored")
    copies = await holdings.copies_of_all(tx.connection, ended.values())
    for key, holding in ended.items():
        tx.journal(life_line(holding, f"{holding.kind}.restored", {}))
        owed = [copy for copy in copies[key] if copy.state in (CopyState.TO_WRITE, CopyState.LOST)]
        await enqueue(tx, WRITE, *(piece_again(holding, copy.site) for copy in owed))


def _tell_repaired(tx: Transaction, holding: Holding, copy: Copy) -> None:
    tx.journal(repaired_line(holding, copy))
    times: dict[str, Any] = {"lost_at": copy.lost_at, "verified_at": copy.verified_at}
    tx.post(CopyRepairedV1(**_facts(holding, copy), **times))

    def count(committed: bool) -> None:  # noqa: FBT001 (said once, by the transaction)
        if committed:
            REPAIRED.labels(copy.site).inc()

    tx.afterwards.append(count)


def found_again(copy: Copy) -> Copy:
    """Return a copy that is whole again, as it is kept: its loss is over."""
    return replace(copy, lost_at=None)
