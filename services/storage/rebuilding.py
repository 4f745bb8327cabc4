"""The copy map comes back: what lies on a site, and what the write log says of every site.

Nothing is believed to be whole: a copy comes back as `written`, to be read back like any other, some at a time; a
holding as `stored`, so that it is served meanwhile (`services.storage.reading`).
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.storage.domain.holdings import KEPT, HoldingKey
from services.storage.domain.rebuilt import Rebuilt
from services.storage.filling import FILL
from services.storage.handlers import VERIFY, work_key
from services.storage.purge_notes import KEPT_FACTS
from services.storage.queries import amounts, holdings, rebuilding
from shared.faults import fault_point
from shared.messages.ingest import MemberV1
from shared.messaging.lease import Lane, Piece
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue

READ_BACK_AT_ONCE = 20_000
"""Copies that wait to be read back after a rebuild; the others wait for their turn outside of the list of work."""


def aip_facts(aip_id: UUID, transfer_id: UUID, catalogue: MemberV1) -> dict[str, Any]:
    """Return what ingest told of an AIP when it was taken in."""
    return {
        "transfer_id": str(transfer_id),
        "staging_key": f"aips/{aip_id}",
        "catalogue": catalogue.model_dump(),
    }


def record_facts(body: bytes) -> dict[str, Any]:
    """Return what a record was written from: itself."""
    return {"body": body.decode()}


def container_facts(journal: str, kind: str, first: int, last: int, head: str) -> dict[str, Any]:
    """Return what proof told of a container when it was taken in."""
    staging_key = f"journals/{journal}.{first:016}-{last:016}.ndjson"
    return {"journal": journal, "kind": kind, "first": first, "last": last, "head": head, "staging_key": staging_key}


async def known(database: RoomDatabase, keys: Sequence[str]) -> dict[str, rebuilding.Standing]:
    """Return what the database has of keys."""
    async with database.reading() as connection:
        return await rebuilding.standing(connection, keys)


async def take_back(database: RoomDatabase, found: Sequence[Rebuilt]) -> list[HoldingKey]:
    """Add holdings and copies that are missing; return those of which the database has others under the same name."""
    if not found:
        return []
    async with database.begin() as tx:
        others = await rebuilding.add(tx.connection, found)
    fault_point("rebuild.copies.kept")
    return others


async def others_than(database: RoomDatabase, found: Sequence[Rebuilt]) -> list[HoldingKey]:
    """Return the holdings of which the database has others, and add nothing."""
    async with database.reading() as connection:
        there = await rebuilding.standing(connection, [one.key for one in found])
        elsewhere = await rebuilding.under_other_keys(connection, found)
    return rebuilding.others_than([one for one in found if one.key in there], there) + elsewhere


async def note_purged(database: RoomDatabase, keys: Sequence[str]) -> int:
    """Note as purged what the database has as stored, of a back-up from before its purge; return how many."""
    async with database.begin() as tx:
        there = await rebuilding.standing(tx.connection, keys)
        gone = await _note_purged(tx, [(one.id, one.version) for one in there.values() if one.state in KEPT])
    fault_point("rebuild.purges.noted")
    return gone


async def note_purged_below(database: RoomDatabase, aip_id: UUID, remains: int | None) -> int:
    """Note as purged the versions of an AIP before the one that remains, or all of them; return how many."""
    async with database.begin() as tx:
        there = await rebuilding.versions_in(tx.connection, aip_id, KEPT)
        gone = await _note_purged(tx, [(aip_id, one) for one in there if remains is None or one < remains])
    fault_point("rebuild.purges.below")
    return gone


async def _note_purged(tx: Transaction, gone: Sequence[HoldingKey]) -> int:
    if gone:
        await holdings.lock_holdings(tx.connection, gone)
        await holdings.forget(tx.connection, gone, KEPT_FACTS)
        await rebuilding.purge_copies(tx.connection, gone)
    return len(gone)


async def read_back_rebuilt(database: RoomDatabase) -> int:
    """Ask for copies to be read back that nobody has read since they came back; return how many."""
    async with database.begin() as tx:
        return await _ask(tx)


async def _ask(tx: Transaction) -> int:
    room = READ_BACK_AT_ONCE - await rebuilding.waiting(tx.connection)
    due = await rebuilding.unread(tx.connection, room) if room > 0 else []
    await enqueue(tx, VERIFY, *map(_reading, due))
    return len(due)


def _reading(copy: rebuilding.Unread) -> Piece:
    # By the hands for what nobody waits for: new deposits are never behind an archive that is read again.
    return Piece(
        work_key(copy.holding, copy.version, copy.site),
        owner=str(copy.establishment or ""),
        lane=Lane.BACKGROUND,
    )


async def fill_again(database: RoomDatabase) -> int:
    """Have sites filled that were full, and of whose copies of what came back no line tells; return how many."""
    async with database.begin() as tx:
        lacking = await rebuilding.fill_again(tx.connection)
        await enqueue(tx, FILL, *map(Piece, lacking))
    return len(lacking)


async def count_again(database: RoomDatabase) -> None:
    """Count what each site holds, once all is back."""
    async with database.begin() as tx:
        totals: dict[str, tuple[int, int]] = {}
        for site, state, copies, size in await amounts.totals(tx.connection):
            if state in ("written", "verified"):
                before = totals.get(site, (0, 0))
                totals[site] = (before[0] + int(size), before[1] + copies)
        await amounts.lift_usage(tx.connection, totals)
