"""Gauges of what waits in a database, measured when somebody asks for metrics; and whose samples a room shows."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import REGISTRY, Gauge
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import extract, func, select
from sqlalchemy.pool import QueuePool
from typing_extensions import override

from shared.database.plumbing import dead_letter, outbox, work
from shared.messaging.delivery import Delivery
from shared.messaging.transaction import RoomDatabase
from shared.messaging.watchdog import NOT_ABANDONED, STUCK
from shared.metrics import (
    DEAD_LETTERS,
    LOOP_LAG,
    MEASURED_AT,
    OUTBOX_AGE,
    OUTBOX_ROWS,
    POOL_IN_USE,
    POOL_SIZE,
    POSTED,
    WORK_AGE,
    WORK_ROWS,
    WORK_STUCK,
)
from shared.telling import told

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.0
"""How long an answer waits for what is being measured; later it comes with the next one."""

GIVEN_UP_SECONDS = 60.0
"""How long a measure may take before it is given up."""

REST_SECONDS = 5.0
"""The least time between two measures, however often metrics are asked for."""

REST_TIMES = 100
"""Measuring takes at most one part in so many of the time: what takes 3 s rests for 5 minutes."""

LAG_SECONDS = 1.0
"""How often the event loop is timed."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Something to find out in the database, and the function that sets the gauges of it."""

    name: str
    take: Callable[[RoomDatabase], Awaitable[None]]


class Gauges:
    """Takes a room's measures when metrics are asked for, however often and by however many.

    Each is taken by one task at a time, rests in between, and never holds up an answer for long: a database that
    is away or slow leaves the gauges as they were, and `chartrier_measured_timestamp_seconds` says since when.
    """

    def __init__(self, database: RoomDatabase, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._measures = [Measure("queues", measure_queues)]
        self._clock = clock
        self._due: dict[str, float] = defaultdict(lambda: -1.0)
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def add(self, *measures: Measure) -> None:
        """Take these too: what this room alone has to tell."""
        self._measures += measures

    async def refresh(self) -> None:
        """Take the measures that are due, and wait a little for them."""
        _show_pool(self._database)
        for measure in self._measures:
            if measure.name not in self._under_way and self._clock() >= self._due[measure.name]:
                self._under_way[measure.name] = asyncio.create_task(self._take(measure))
        if self._under_way:
            await asyncio.wait(list(self._under_way.values()), timeout=PATIENCE_SECONDS)

    async def _take(self, measure: Measure) -> None:
        room, started = self._database.room, self._clock()
        # What failed is no measure of how long measuring takes: it is soon tried again.
        rest = REST_SECONDS
        try:
            async with asyncio.timeout(GIVEN_UP_SECONDS):
                await measure.take(self._database)
            MEASURED_AT.labels(room, measure.name).set_to_current_time()
            rest = max(REST_SECONDS, REST_TIMES * (self._clock() - started))
        except Exception as error:  # noqa: BLE001 (metrics tell what they can; that this one fails is told too)
            log.warning("not measured", extra={"of": room, "measure": measure.name, "reason": told(error)})
        finally:
            self._due[measure.name] = self._clock() + rest
            del self._under_way[measure.name]

    async def close(self) -> None:
        """Give up what is being measured."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _show_pool(database: RoomDatabase) -> None:
    pool = database.engine.sync_engine.pool
    if isinstance(pool, QueuePool):
        POOL_IN_USE.labels(database.room).set(pool.checkedout())
        POOL_SIZE.labels(database.room).set(pool.size())


# What is left for a later day is not old before that day; what was given up waits for no day.
_IS_DUE = NOT_ABANDONED & ((work.c.attempts > 0) | (work.c.not_before <= func.now()))

_OUTBOX = select(func.count(), extract("epoch", func.now() - func.min(outbox.c.created_at))).select_from(outbox)
_DEAD = select(func.count()).select_from(dead_letter)
_WORK = select(
    work.c.kind,
    func.count(),
    extract("epoch", func.now() - func.min(work.c.created_at).filter(_IS_DUE)),
    func.count().filter(STUCK),
).group_by(work.c.kind)


async def measure_queues(database: RoomDatabase) -> None:
    """Set the gauges of the queues that live in a room's database; they are short, and nothing is listed."""
    async with database.reading() as connection:
        rows, age = (await connection.execute(_OUTBOX)).one()
        dead = await connection.scalar(_DEAD)
        kinds = (await connection.execute(_WORK)).all()
    room = (database.room,)
    OUTBOX_ROWS.labels(*room).set(rows)
    OUTBOX_AGE.labels(*room).set(age or 0)
    DEAD_LETTERS.labels(*room).set(dead or 0)
    show(WORK_ROWS, {(kind,): count for kind, count, _, _ in kinds}, within=room)
    show(WORK_AGE, {(kind,): float(oldest or 0) for kind, _, oldest, _ in kinds}, within=room)
    show(WORK_STUCK, {(kind,): stuck for kind, _, _, stuck in kinds}, within=room)


_SHOWN: dict[tuple[Gauge, tuple[str, ...]], set[tuple[str, ...]]] = defaultdict(set)


def show(gauge: Gauge, values: Mapping[tuple[str, ...], float], *, within: tuple[str, ...] = ()) -> None:
    """Set a gauge by its labels (those `within` first), and to zero what it once showed and there is no more.

    A gauge stays where it is until it is told otherwise.
    """
    shown = _SHOWN[gauge, within]
    shown.update(values)
    for labels in shown:
        gauge.labels(*within, *labels).set(values.get(labels, 0))


def count_posted(room: str) -> Callable[[Sequence[Delivery]], None]:
    """Return a listener that counts the messages of each commit."""

    def count(deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            POSTED.labels(room, delivery.topic).inc()

    return count


async def watch_lag() -> None:
    """Time the event loop until cancelled: how much later than asked a sleeper wakes."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_SECONDS
        await asyncio.sleep(LAG_SECONDS)
        LOOP_LAG.observe(max(0.0, loop.time() - due))


class OfRoom(Collector):
    """The metrics of this process but for those of other rooms: where rooms share a process, each shows its own."""

    def __init__(self, room: str) -> None:
        self._room = room

    @override
    def collect(self) -> Iterator[Metric]:
        """Return every family with the samples that bear this room's name, or none."""
        for metric in REGISTRY.collect():
            own = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            own.samples = [one for one in metric.samples if one.labels.get("room", self._room) == self._room]
            if own.samples:
                yield own
