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
    """The database has something else in this place: nothing of the container is kept."""


@dataclass(slots=True)
class _Waiting:
    container: Container
    lines: Sequence[ReadLine]
    faults: list[str]
    gap: str | None


class JournalRebuilder:
    """Takes the containers of one journal in their order; each is judged when the next one has confirmed its end.

    Without a database it only reads.
    """

    def __init__(self, database: RoomDatabase | None) -> None:
        self._database = database
        self._last = 0
        self._waiting: _Waiting | None = None

    async def take(self, container: Container) -> list[Taken]:
        """Look at the next container; return what became of the one before."""
        lines = read_container(container.first, container.content)
        faults = faults_of(container.journal, container.first, container.last, lines)
        if container.expected is not None and container.expected != container.sha512:
            faults.append("its digest is not the one in the write log")
        if container.first <= self._last:
            faults.append(f"its lines begin before line {self._last}, where the one before it ends")
        missing = (self._last + 1, container.first - 1)
        gap = None if missing[1] < missing[0] else f"lines {missing[0]} to {missing[1]} are in no container"
        before, self._waiting = self._waiting, _Waiting(container, lines, faults, gap)
        self._last = max(self._last, container.last)
        # One that is at fault itself confirms nothing, and contradicts nothing.
        return [] if before is None else [await self._settle(before, () if faults else lines)]

    async def close(self) -> list[Taken]:
        """Take the last one; return what became of it."""
        return [] if self._waiting is None else [await self._settle(self._waiting, ())]

    async def _settle(self, one: _Waiting, following: Sequence[ReadLine]) -> Taken:
        faults = one.faults
        if not faults and following and not follows(one.lines[-1], following[0]):
            faults.append(f"line {following[0].number} names another line before it")
        if not faults and self._database is not None:
            faults += await self._keep(self._database, one.container, one.lines)
            fault_point("rebuild.journals.kept")
        if faults:
            return Taken(one.container, (), faults, "", one.gap)
        return Taken(one.container, [line.facts for line in one.lines], (), one.lines[-1].sha512.hex(), one.gap)

    async def _keep(self, database: RoomDatabase, container: Container, lines: Sequence[ReadLine]) -> list[str]:
        try:
            async with database.begin() as tx:
                await _add(tx, container, lines)
        except _Contradicted as contradicted:
            return [f"the database has another {contradicted}"]
        return []


async def _add(tx: Transaction, container: Container, lines: Sequence[ReadLine]) -> None:
    await lock_writing(tx.connection)
    journal = await queries.open_journal(tx.connection, container.kind, container.establishment)
    known = await queries.digests(tx.connection, journal, container.first, container.last)
    other = [line.number for line in lines if known.get(line.number, line.sha512) != line.sha512]
    if other:
        raise _Contradicted(f"line {other[0]}")
    contradicted = await queries.keep(tx.connection, journal, [one for one in lines if one.number not in known])
    if contradicted:
        raise _Contradicted(f"batch {contradicted[0]}")
    await queries.keep_container(tx.connection, journal, container)


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
