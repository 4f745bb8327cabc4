"""Journals come back from their containers: verified as they are read, added where lines are missing, never changed.

A container of which any line is not as it was fixed is left out whole, and named: another site has the right one,
and a rebuild from there fills the gap. What the chain alone cannot tell, a journal rewritten to its end, the digest
of the container in the write log tells (`Container.expected`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.proof import rebuild_queries as queries
from services.proof.domain.line import Head
from services.proof.domain.rebuilt import Container, ReadLine, faults_of, follows, read_container
from services.proof.queries import lock_writing
from shared.checksums import MIB
from shared.faults import fault_point
from shared.messaging.transaction import RoomDatabase, Transaction


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one container: its lines as the objects they are, or what is wrong with it.

    `head` is the digest of its last line. `gap` says which lines before it are in no container.
    """

    container: Container
    lines: Sequence[dict[str, Any]]
    faults: Sequence[str]
    head: str
    gap: str | None


class _Contradicted(Exception):
    """The database has something else in this place: nothing of the containers is kept."""


@dataclass(slots=True)
class _Read:
    """A container with its lines, as far as it was judged."""

    container: Container
    lines: Sequence[ReadLine]
    faults: list[str]
    gap: str | None


BYTES_TOGETHER = 8 * MIB
"""Bytes of containers kept in one transaction: some 10,000 lines, of a few large ones or of years of small ones."""


class JournalRebuilder:
    """Takes the containers of one journal in their order; each is judged when the next one has confirmed its end.

    Those that are judged are kept many at a time. Without a database it only reads.
    """

    def __init__(self, database: RoomDatabase | None) -> None:
        self._database = database
        self._last = 0
        self._waiting: _Read | None = None
        self._judged: list[_Read] = []

    async def take(self, container: Container) -> list[Taken]:
        """Look at the next container; return what became of those before, in their order, once it is known."""
        lines = read_container(container.first, container.content)
        faults = faults_of(container.journal, container.first, container.last, lines)
        if container.expected is not None and container.expected != container.sha512:
            faults.append("its digest is not the one in the write log")
        if container.first <= self._last:
            faults.append(f"its lines begin before line {self._last}, where the one before it ends")
        missing = (self._last + 1, container.first - 1)
        gap = None if missing[1] < missing[0] else f"lines {missing[0]} to {missing[1]} are in no container"
        before, self._waiting = self._waiting, _Read(container, lines, faults, gap)
        self._last = max(self._last, container.last)
        if before is not None:
            # One that is at fault itself confirms nothing, and contradicts nothing.
            self._judge(before, () if faults else lines)
        gathered = sum(len(one.container.content) for one in self._judged)
        return await self._settle() if gathered >= BYTES_TOGETHER else []

    async def close(self) -> list[Taken]:
        """Take the last ones; return what became of them."""
        if self._waiting is not None:
            self._judge(self._waiting, ())
            self._waiting = None
        return await self._settle()

    def _judge(self, one: _Read, following: Sequence[ReadLine]) -> None:
        if not one.faults and following and not follows(one.lines[-1], following[0]):
            one.faults.append(f"line {following[0].number} names another line before it")
        self._judged.append(one)

    async def _settle(self) -> list[Taken]:
        judged, self._judged = self._judged, []
        whole = [one for one in judged if not one.faults]
        if whole and self._database is not None:
            await self._keep(self._database, whole)
        return [_taken(one) for one in judged]

    async def _keep(self, database: RoomDatabase, whole: Sequence[_Read]) -> None:
        """Keep containers together or, where the database has something else, each by itself."""
        try:
            async with database.begin() as tx:
                await _add(tx, whole)
        except _Contradicted as contradicted:
            if len(whole) == 1:
                whole[0].faults.append(f"the database has another {contradicted}")
            else:
                for one in whole:
                    await self._keep(database, [one])
            return
        fault_point("rebuild.journals.kept")


def _taken(one: _Read) -> Taken:
    if one.faults:
        return Taken(one.container, (), one.faults, "", one.gap)
    return Taken(one.container, [line.facts for line in one.lines], (), one.lines[-1].sha512.hex(), one.gap)


async def _add(tx: Transaction, whole: Sequence[_Read]) -> None:
    """Add containers of one journal, in their order. Raises `_Contradicted`."""
    first, last = whole[0].container, whole[-1].container
    lines = [line for one in whole for line in one.lines]
    await lock_writing(tx.connection)
    journal = await queries.open_journal(tx.connection, first.kind, first.establishment)
    known = await queries.digests(tx.connection, journal, first.first, last.last)
    other = [line.number for line in lines if known.get(line.number, line.sha512) != line.sha512]
    if other:
        raise _Contradicted(f"line {other[0]}")
    contradicted = await queries.keep(tx.connection, journal, [one for one in lines if one.number not in known])
    if contradicted:
        raise _Contradicted(f"batch {contradicted[0]}")
    await queries.keep_containers(tx.connection, journal, [one.container for one in whole])


async def lift_senders(database: RoomDatabase) -> list[queries.SenderHead]:
    """Have each sender's next batch follow the last one of which there is a line; return these heads."""
    async with database.begin() as tx:
        await lock_writing(tx.connection)
        heads = await queries.lift_senders(tx.connection)
    fault_point("rebuild.journals.senders")
    return heads


async def batches_beyond(database: RoomDatabase) -> list[tuple[str, int]]:
    """Return the senders whose batches jump farther than any loss explains, and the batch behind the jump."""
    async with database.reading() as connection:
        return await queries.batches_beyond(connection)


async def journal_heads(database: RoomDatabase) -> dict[str, Head]:
    """Return where each journal ends."""
    async with database.reading() as connection:
        return await queries.journal_heads(connection)
