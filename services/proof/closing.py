"""Close containers: lines that no site has yet leave the database, for storage to keep them on every site.

    plan (committed) ──► staging ──► digest and message (committed) ──► on every site ──► staging forgets

What a container begins and ends with is committed before its first byte, and its lines never change: whoever takes
it up, after a crash or beside another, writes the same bytes under the same key, and of two the first is told.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from functools import partial

from services.proof import container_queries as queries
from services.proof.domain.containers import FOLDER, Container, row
from services.proof.handlers import CLOSE
from services.proof.staging import stage
from shared.checksums import Measure
from shared.clock import now
from shared.faults import fault_point
from shared.messages.proof import JournalClosedV1
from shared.messages.storage import JournalStoredV1
from shared.messaging.lease import Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish
from shared.object_store.errors import NoSuchObject, StoreError
from shared.object_store.port import ObjectStore

PAGE = 1_000
"""Lines read at a time: a container is never whole in memory."""

HOUSE = timedelta(hours=1)
"""How often the house is kept (`shared.messaging.housekeeping`): what falls due before the next time is due now."""

ORPHANED_AFTER = timedelta(days=1)
"""A container is written within seconds: one that is older, and on every site, waits for nobody."""

MENDED_AT_ONCE = 100
"""Containers looked at in staging in one round."""


class Closer:
    """Writes containers to staging and tells of them."""

    def __init__(self, database: RoomDatabase, staging: ObjectStore) -> None:
        self._database = database
        self._staging = staging

    async def close(self, held: Lease) -> None:
        """Close what a piece of work names. Raises `TryAgain` while staging is away."""
        try:
            await self.close_journal(held.key, whole=bool(held.payload["whole"]))
        except StoreError as error:
            raise TryAgain(f"staging: {error}") from error
        async with self._database.begin() as tx:
            await finish(tx, held)

    async def close_journal(self, name: str, *, whole: bool) -> list[Container]:
        """Close containers of a journal, to its last line if `whole`, else full ones; return those we told of.

        Raises errors of the object store.
        """
        async with self._database.reading() as connection:
            # What comes meanwhile may wait: lines that come faster than they are closed must not keep us for ever.
            up_to = (await queries.shelf(connection, name)).head if whole else 0
        told = []
        while (planned := await self._plan(name, up_to)) is not None:
            fault_point("proof.close.planned")
            measure = await self._write(planned)
            fault_point("proof.close.staged")
            if await self._tell(planned, measure):
                told.append(planned)
            fault_point("proof.close.told")
        return told

    async def _plan(self, name: str, up_to: int) -> Container | None:
        """Return the container that is to be written next, committed; None where there is none."""
        async with self._database.begin() as tx:
            shelf = await queries.shelf(tx.connection, name)
            if shelf.open is not None:
                return shelf.open
            found = await queries.extent(tx.connection, shelf.journal_id, shelf.last)
            if found is None or not (found.is_full or shelf.last < up_to):
                return None
            planned = shelf.next_container(found.last)
            ours = await queries.plan(tx.connection, planned)
        # Where somebody was first it is theirs that is open, or closed already.
        return planned if ours else await self._plan(name, up_to)

    async def _write(self, planned: Container) -> Measure:
        return await stage(self._staging, planned.staging_key, partial(self._rows, planned))

    async def _rows(self, planned: Container) -> AsyncIterator[bytes]:
        for first in range(planned.first, planned.last + 1, PAGE):
            last = min(first + PAGE - 1, planned.last)
            async with self._database.reading() as connection:
                bodies = await queries.bodies(connection, planned.journal_id, first, last)
            yield b"".join(map(row, bodies))

    async def _tell(self, written: Container, measure: Measure) -> bool:
        async with self._database.begin() as tx:
            head = await queries.close(tx.connection, written, measure)
            if head is None:
                return False
            tx.post(
                JournalClosedV1(
                    journal=written.journal,
                    kind=written.kind,
                    establishment=written.establishment,
                    number=written.number,
                    first=written.first,
                    last=written.last,
                    head=head,
                    staging_key=written.staging_key,
                    sha512=measure.sha512,
                    size=measure.size,
                )
            )
        return True

    async def forget_stored(self, tx: Transaction, messages: Sequence[JournalStoredV1]) -> None:
        """Remove from staging what every site has. Raises `TryAgain` while staging is away."""
        for message in messages:
            stored = await queries.find(tx.connection, message)
            if stored is None:
                continue
            try:
                # Before it is noted: what was noted is never looked for again.
                await self._staging.delete(stored.staging_key)
            except StoreError as error:
                raise TryAgain(f"staging: {error}") from error
            await queries.note_stored(tx.connection, message)

    async def mend_staging(self, database: RoomDatabase) -> int:
        """Put again into staging what storage still waits for and staging has lost; return how many there were."""
        async with database.reading() as connection:
            awaited = await queries.awaited(connection, HOUSE, MENDED_AT_ONCE)
        mended = 0
        for container, sha512 in awaited:
            if not await self._lies_whole(container, sha512):
                await self._staging.delete(container.staging_key)
                await self._write(container)
                mended += 1
        return mended

    async def _lies_whole(self, container: Container, sha512: str) -> bool:
        try:
            return (await self._staging.sha512(container.staging_key)).sha512 == sha512
        except NoSuchObject:
            return False

    async def forget_orphans(self, database: RoomDatabase) -> int:
        """Remove from staging what every site has already: put there by whoever came last of two; return how many."""
        left = await self._staging.left_behind(FOLDER, now() - ORPHANED_AFTER, MENDED_AT_ONCE)
        async with database.reading() as connection:
            orphans = set(left) & await queries.stored_among(connection, left)
        for key in orphans:
            await self._staging.delete(key)
        return len(orphans)


async def close_due(period: timedelta, database: RoomDatabase) -> int:
    """Ask for every journal with new lines of which nothing was closed for a period; return how many there are.

    Rather an hour early than late; and by time no journal is closed oftener than that, not even the one that tells of
    the containers themselves.
    """
    async with database.begin() as tx:
        due = await queries.unclosed(tx.connection, period - HOUSE)
        await enqueue(tx, CLOSE, *(Piece(name, {"whole": True}) for name in due))
    return len(due)
