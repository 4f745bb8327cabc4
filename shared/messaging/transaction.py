"""One request or one message is one transaction: its writes, its messages and its journal lines."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.messages.journal import JournalLineV1
from shared.messages.message import Message
from shared.messaging.chain import Chain, delivery_of, leave
from shared.messaging.delivery import Delivery
from shared.messaging.lease import Hands, Lane
from shared.tracing import current_trace


class Transaction:
    """An open transaction of one room. Nothing leaves it unless it commits.

    `afterwards` is called when it is over, with whether it committed. `traces` knows which span follows from which
    message: a transaction may be about many deposits.
    """

    def __init__(self, connection: AsyncConnection, hands: dict[tuple[str, Lane], Hands]) -> None:
        self.connection = connection
        self.hands = hands
        self.messages: list[Message] = []
        self.lines: list[JournalLineV1] = []
        self.traces: dict[UUID, str | None] = {}
        self.afterwards: list[Callable[[bool], None]] = []

    def post(self, message: Message, cause: UUID | None = None, trace: str | None = None) -> None:
        """Send `message` if, and only if, the transaction commits; `cause` is the message that led to it.

        What nothing but a request caused may say which `trace` it belongs to (see `shared.tracing`).
        """
        self.messages.append(message if cause is None else message.model_copy(update={"causation_id": cause}))
        if trace is not None:
            self.traces[message.message_id] = trace

    def trace_of(self, *messages: UUID | None) -> str | None:
        """Return the span of the first of these messages that is known here; else the current one."""
        known = (self.traces.get(one) for one in messages if one is not None)
        return next((trace for trace in known if trace is not None), None) or current_trace()

    def journal(self, line: JournalLineV1) -> None:
        """Write `line` in its journal if, and only if, the transaction commits."""
        self.lines.append(line)


class RoomDatabase:
    """A room's engine and name; opens transactions and tells the relay when one left messages.

    `hands` are those that do the room's work in this process, by kind of work and lane, while they are at it.
    """

    def __init__(self, engine: AsyncEngine, room: str) -> None:
        self.engine = engine
        self.room = room
        self.hands: dict[tuple[str, Lane], Hands] = {}
        # The same pool, without BEGIN and ROLLBACK around every question.
        self._readers = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._snapshots = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._chain = Chain(room)
        self._posted: list[Callable[[Sequence[Delivery]], None]] = []

    def when_posted(self, listener: Callable[[Sequence[Delivery]], None]) -> None:
        """Hand `listener` the messages of each commit, once they are in the outbox."""
        self._posted.append(listener)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection on which each statement stands alone: for what needs no transaction around it."""
        async with self._readers.connect() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection on which every statement sees the database as it was at the first: for sums that meet."""
        async with self._snapshots.connect() as connection:
            yield connection

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """Open a transaction; commit it with its messages and lines, or roll everything back."""
        committed = False
        afterwards: list[Callable[[bool], None]] = []
        leaving: list[Delivery] = []
        try:
            async with AsyncExitStack() as until_committed, self.engine.begin() as connection:
                tx = Transaction(connection, self.hands)
                afterwards = tx.afterwards
                yield tx
                leaving = [delivery_of(one, tx.trace_of(one.message_id, one.causation_id)) for one in tx.messages]
                if tx.lines:
                    await until_committed.enter_async_context(self._chain.turn())
                    leaving = await self._chain.leave_chained(connection, tx.lines, leaving)
                elif leaving:
                    await leave(connection, leaving)
            committed = True
        finally:
            for hear in afterwards:
                hear(committed)
        for listener in self._posted if leaving else ():
            listener(leaving)
