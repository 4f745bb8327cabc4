"""The loop that takes leased work, keeps the leases alive, and gives failed work back."""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from opentelemetry.trace import SpanKind

from shared.database.outage import is_outage
from shared.messaging.lease import Lane, Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import LEASE_SECONDS, StaleLease, lease, postpone, release, renew
from shared.metrics import WORK_SECONDS
from shared.telling import told
from shared.tracing import context_of, spanning

log = logging.getLogger(__name__)

Job = Callable[[Lease], Awaitable[None]]
"""Does one piece of work and closes it with `finish` in its own last transaction."""

IDLE_SECONDS = 1.0
RELEASE_SECONDS = 3.0


class WorkLoop:
    """Runs up to `slots` pieces of a room's work in one lane at once. `jobs` maps a kind of work to what does it."""

    def __init__(
        self,
        database: RoomDatabase,
        jobs: Mapping[str, Job],
        *,
        slots: int,
        lane: Lane = Lane.USUAL,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._lane = lane
        self._slots = slots
        self.lease_seconds = lease_seconds
        self._held: dict[asyncio.Task[None], Lease] = {}
        self._reserved = 0
        self._open = False
        self._late: list[Lease] = []
        self._kept = asyncio.Event()
        self._wake = asyncio.Event()
        # Until we have looked, work of earlier days may wait.
        self._more = True

    @property
    def _free(self) -> int:
        return self._slots - len(self._held) - self._reserved

    def look(self) -> None:
        """Look for work now: some was just left for whoever comes."""
        self._wake.set()

    def reserve(self, most: int) -> int:
        """Keep up to `most` hands free; none while older work waits for them."""
        reserved = 0 if self._more else max(0, min(most, self._free))
        self._reserved += reserved
        return reserved

    def release(self, count: int) -> None:
        """Give reserved hands back."""
        self._free_again(count)
        if count and self._more:
            self._wake.set()

    def give(self, held: Lease) -> None:
        """Put leased work in a reserved hand; where we are stopping, it is let go with the rest."""
        if self._open:
            self._begin(held)
        else:
            self._late.append(held)
        self._free_again(1)

    def _free_again(self, count: int) -> None:
        self._reserved -= count
        if not self._reserved:
            self._kept.set()

    async def run(self) -> None:
        """Work until cancelled; then let go of what is in hand, for another to take up."""
        heart = asyncio.create_task(self._beat())
        kinds = [(kind, self._lane) for kind in self._jobs]
        self._open = True
        self._database.hands |= dict.fromkeys(kinds, self)
        try:
            while True:
                await self._round()
        finally:
            self._open = False
            for kind in kinds:
                del self._database.hands[kind]
            held = list(self._held.values())
            heart.cancel()
            tasks = list(self._held)
            for task in tasks:
                task.cancel()
            await asyncio.gather(heart, *tasks, return_exceptions=True)
            # Where it does not succeed the leases run out by themselves.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(RELEASE_SECONDS):
                    await release(self._database, held)
                    # Hands promised to a transaction that was under way: what it brings goes back too.
                    if self._reserved:
                        self._kept.clear()
                        await self._kept.wait()
                    await release(self._database, self._late)

    async def _round(self) -> None:
        self._wake.clear()
        # Reserved while we look, so that nobody is promised the same hands.
        free = max(0, self._free)
        self._reserved += free
        taken: list[Lease] = []
        try:
            if free:
                taken = await self._lease(free)
            # Hands left over mean that nothing more was ready; none, that the end of one is worth another look.
            self._more = len(taken) == free
        except Exception as error:  # noqa: BLE001 (a database that is away only delays)
            log.warning("no lease", extra={"room": self._database.room, "reason": told(error)})
        finally:
            self._reserved -= free
        for held in taken:
            self._begin(held)
        # Not `wait_for`: in Python 3.11 it may swallow a cancellation that comes with the wake-up.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await self._wake.wait()

    async def _lease(self, free: int) -> list[Lease]:
        in_hand = Counter(held.owner for held in self._held.values())
        return await lease(
            *(self._database, tuple(self._jobs), free),
            lane=self._lane,
            in_hand=in_hand,
            seconds=self.lease_seconds,
        )

    def _begin(self, held: Lease) -> None:
        task = asyncio.create_task(self._do(held), name=f"{held.kind} {held.key}")
        self._held[task] = held
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._held.pop(task, None)
        if self._more:
            self._wake.set()

    async def _do(self, held: Lease) -> None:
        started, outcome = time.perf_counter(), "cancelled"
        facts = {"chartrier.work": held.kind, "chartrier.key": held.key}
        try:
            with spanning(
                f"work {self._database.room}.{held.kind}", context_of(held.trace), facts, SpanKind.CONSUMER
            ):
                await self._jobs[held.kind](held)
            outcome = "done"
        except StaleLease:
            outcome = "lost"
            log.warning("lease lost", extra={"kind": held.kind, "key": held.key, "epoch": held.epoch})
        except Exception as error:
            outcome = "postponed" if isinstance(error, TryAgain) else "failed"
            if outcome == "failed":
                log.exception("work failed", extra={"kind": held.kind, "key": held.key})
            await self._give_back(held, told(error))
        finally:
            spent = time.perf_counter() - started
            WORK_SECONDS.labels(self._database.room, held.kind, outcome).observe(spent)

    async def _give_back(self, held: Lease, reason: str) -> None:
        log.info("work postponed", extra={"kind": held.kind, "key": held.key, "reason": reason})
        while True:
            try:
                async with self._database.begin() as tx:
                    await postpone(tx, held, reason)
            except StaleLease:
                log.warning("lease lost", extra={"kind": held.kind, "key": held.key, "epoch": held.epoch})
            except Exception as error:  # noqa: BLE001 (whatever it was, the lease runs out by itself)
                log.warning("not given back", extra={"key": held.key, "reason": told(error)})
                if is_outage(error):
                    # Most often what failed the work too. Held until then, it would wait for its lease to end.
                    await asyncio.sleep(IDLE_SECONDS)
                    continue
            return

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.lease_seconds / 3)
            try:
                await self._renew_all()
            except Exception as error:  # noqa: BLE001 (a missed beat is made up by the next, or the leases run out)
                log.warning("no heartbeat", extra={"room": self._database.room, "reason": told(error)})

    async def _renew_all(self) -> None:
        held = dict(self._held)
        kept = await renew(self._database, list(held.values()), seconds=self.lease_seconds)
        for task, lease_of_task in held.items():
            if lease_of_task.id not in kept:
                # Finished meanwhile, or another has it: what we would still do could not be recorded.
                log.info("work let go", extra={"kind": lease_of_task.kind, "key": lease_of_task.key})
                task.cancel()
