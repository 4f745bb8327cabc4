"""The loop that takes leased work, keeps the leases alive, and gives failed work back."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from shared.database.outage import is_outage
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import LEASE_SECONDS, Lease, StaleLease, lease, postpone, release, renew
from shared.observability import WORK_SECONDS

log = logging.getLogger(__name__)

Job = Callable[[Lease], Awaitable[None]]
"""Does one piece of work and closes it with `finish` in its own last transaction."""

IDLE_SECONDS = 1.0
RELEASE_SECONDS = 3.0


class WorkLoop:
    """Runs up to `slots` pieces of a room's work at once. `jobs` maps a kind of work to what does it."""

    def __init__(
        self,
        database: RoomDatabase,
        jobs: Mapping[str, Job],
        *,
        slots: int,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._slots = slots
        self._lease_seconds = lease_seconds
        self._held: dict[asyncio.Task[None], Lease] = {}
        self._wake = asyncio.Event()
        self._more = False
        database.when_enqueued(self.wake)

    def wake(self) -> None:
        """Look for work now: called when some was just enqueued in this process."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; then let go of what is in hand, for another to take up."""
        heart = asyncio.create_task(self._beat())
        try:
            while True:
                await self._round()
        finally:
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

    async def _round(self) -> None:
        self._wake.clear()
        free = self._slots - len(self._held)
        taken: list[Lease] = []
        if free:
            try:
                taken = await lease(self._database, tuple(self._jobs), free, seconds=self._lease_seconds)
            except Exception as error:  # noqa: BLE001 (a database that is away only delays)
                log.warning("no lease", extra={"room": self._database.room, "reason": str(error)[:300]})
        for held in taken:
            task = asyncio.create_task(self._do(held), name=f"{held.kind} {held.key}")
            self._held[task] = held
            task.add_done_callback(self._ended)
        # Slots left over mean that nothing more was ready; a full hand, that its end is worth another look.
        self._more = len(taken) == free
        # Not `wait_for`: in Python 3.11 it may swallow a cancellation that comes with the wake-up.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await self._wake.wait()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._held.pop(task, None)
        if self._more:
            self._wake.set()

    async def _do(self, held: Lease) -> None:
        started, outcome = time.perf_counter(), "cancelled"
        try:
            await self._jobs[held.kind](held)
            outcome = "done"
        except StaleLease:
            outcome = "lost"
            log.warning("lease lost", extra={"kind": held.kind, "key": held.key, "epoch": held.epoch})
        except Exception as error:
            outcome = "postponed" if isinstance(error, TryAgain) else "failed"
            if outcome == "failed":
                log.exception("work failed", extra={"kind": held.kind, "key": held.key})
            await self._give_back(held, f"{type(error).__name__}: {error}")
        finally:
            spent = time.perf_counter() - started
            WORK_SECONDS.labels(self._database.room, held.kind, outcome).observe(spent)

    async def _give_back(self, held: Lease, reason: str) -> None:
        log.info("work postponed", extra={"kind": held.kind, "key": held.key, "reason": reason[:300]})
        while True:
            try:
                async with self._database.begin() as tx:
                    await postpone(tx, held, reason)
            except StaleLease:
                log.warning("lease lost", extra={"kind": held.kind, "key": held.key, "epoch": held.epoch})
            except Exception as error:  # noqa: BLE001 (whatever it was, the lease runs out by itself)
                log.warning("not given back", extra={"key": held.key, "reason": str(error)[:300]})
                if is_outage(error):
                    # Most often what failed the work too. Held until then, it would wait for its lease to end.
                    await asyncio.sleep(IDLE_SECONDS)
                    continue
            return

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            try:
                await self._renew_all()
            except Exception as error:  # noqa: BLE001 (a missed beat is made up by the next, or the leases run out)
                log.warning("no heartbeat", extra={"room": self._database.room, "reason": str(error)[:300]})

    async def _renew_all(self) -> None:
        held = dict(self._held)
        kept = await renew(self._database, list(held.values()), seconds=self._lease_seconds)
        for task, lease_of_task in held.items():
            if lease_of_task.id not in kept:
                # Finished meanwhile, or another has it: what we would still do could not be recorded.
                log.info("work let go", extra={"kind": lease_of_task.kind, "key": lease_of_task.key})
                task.cancel()
