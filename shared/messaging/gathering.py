"""Do for many at once what each asks for alone: one query, one transaction, however many ask.

    add ─┐
    add ─┼─► round 1 (one transaction) ─► each has its own result
    add ─┘
          add, add, add … wait while it runs ─► round 2 takes them all

Who comes alone is served at once. Under load rounds grow by themselves: what a transaction costs (its begin
and commit, its place in a chain of journal lines) is shared by all who came while the one before it ran.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.database.outage import is_outage
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.tracing import current_trace, together

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 64
"""Items of one round: bounds the transaction, and what is done again one by one when something in it fails."""


MOST_WAITING = 4096
"""Items that wait for a round, at most: more than a process ever has in hand, unless the database hardly answers."""


class TooManyWait(TryAgain):
    """As many wait for a round as may: nothing was done, and a later call may be."""


class _Asked(Generic[Item, Result]):
    """One item on its way, and who waits for what comes of it (nobody any more, if cancelled)."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.trace = current_trace()
        self.done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    def answer(self, result: Result) -> None:
        if not self.done.done():
            self.done.set_result(result)

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Gatherer(Generic[Item, Result]):
    """Calls `do` with the items that have gathered, one round at a time; `do` answers in their order.

    A round that fails is done again item by item, so that one that cannot be done keeps no other from it, and
    each hears its own error. A database that is away is no item's fault: all hear of it at once.
    """

    def __init__(self, do: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], most: int = MOST) -> None:
        self._do = do
        self._most = most
        self._waiting: deque[_Asked[Item, Result]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Result:
        """Have an item done with others, and return what came of it. Raises what its doing raises.

        Cancelled while it waits, it is not done; once its round runs, it is done although nobody hears of it.
        Raises `TooManyWait` at once where the queue is as long as it may be.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise TooManyWait(f"{MOST_WAITING} wait already")
        asked: _Asked[Item, Result] = _Asked(item)
        self._waiting.append(asked)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await asked.done

    async def _run(self) -> None:
        taken: list[_Asked[Item, Result]] = []
        try:
            while self._waiting:
                taken = self._next()
                await self._round(taken)
        finally:
            # Somebody is left only if we were cancelled.
            self._running = None
            for asked in (*taken, *self._waiting):
                asked.done.cancel()
            self._waiting.clear()

    def _next(self) -> list[_Asked[Item, Result]]:
        taken: list[_Asked[Item, Result]] = []
        while self._waiting and len(taken) < self._most:
            asked = self._waiting.popleft()
            if not asked.done.cancelled():
                taken.append(asked)
        return taken

    async def _round(self, taken: Sequence[_Asked[Item, Result]]) -> None:
        if not taken:
            return
        try:
            with together("gathered", [asked.trace for asked in taken], {"chartrier.items": len(taken)}):
                results = await self._do([asked.item for asked in taken])
        except Exception as error:  # noqa: BLE001 (whoever asked hears of it)
            if len(taken) == 1 or is_outage(error):
                for asked in taken:
                    asked.fail(error)
                return
        else:
            _answer(taken, results)
            return
        await self._one_by_one(taken)

    async def _one_by_one(self, taken: Sequence[_Asked[Item, Result]]) -> None:
        away: BaseException | None = None
        for asked in taken:
            if asked.done.done():
                continue  # nobody waits for it any more
            if away is not None:
                asked.fail(away)
                continue
            await self._round([asked])
            error = None if asked.done.cancelled() else asked.done.exception()
            away = error if error is not None and is_outage(error) else None


def _answer(taken: Sequence[_Asked[Item, Result]], results: Sequence[Result]) -> None:
    if len(results) != len(taken):
        # Done, perhaps committed: nobody may ask for it again by himself.
        for asked in taken:
            asked.fail(AssertionError(f"{len(taken)} items done, {len(results)} results"))
        return
    for asked, result in zip(taken, results, strict=True):
        asked.answer(result)


def recorder(
    database: RoomDatabase, record: Callable[[Transaction, Sequence[Item]], Awaitable[Sequence[Result]]]
) -> Gatherer[Item, Result]:
    """Return a gatherer whose every round is one transaction; an item's result comes after its commit."""

    async def in_one_transaction(items: Sequence[Item]) -> Sequence[Result]:
        async with database.begin() as tx:
            return await record(tx, items)

    return Gatherer(in_one_transaction)
