"""Whether this host's clock is right, by the time servers that are set (PRV-10): what is sealed is dated by it.

right ──(1 s)──▶ drifted ──(the limit)──▶ stopped, and back as it comes back

Time-stamping authorities are heard, too, whenever they stamp: beyond the limit they stop it where two agree, and one
where no time server answers.

Drifted, it is said; stopped, nothing is sealed, anchored or time-stamped, and no journal line is kept, so that no
deposit is accepted either. All goes on by itself once the clock is right.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from prometheus_client import Gauge

from services.proof.sntp import NoTime, TimeSource, drift_from
from services.proof.stamping.measures import show_drift
from shared.clock import now
from shared.messages.journal import JournalLineV1
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction

log = logging.getLogger(__name__)

SOFT: Final = timedelta(seconds=1)
LOOK_SECONDS: Final = 60.0
"""How often the servers are asked; sooner where the clock is stopped."""

SOON_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 2.0
SILENT_SECONDS: Final = 900.0
"""After how long without any answer the clock counts as unwatched. It stops nothing: silence is no drift."""

HEARD_SECONDS: Final = 3600.0
"""For how long an authority's word holds: nothing is stamped while the clock is stopped, and none is heard anew."""

OFF = Gauge("chartrier_clock_off_seconds", "By how much this host's clock is off, by its time servers, either way")
STOPPED = Gauge("chartrier_clock_stopped", "Whether nothing is kept or sealed because the clock is off (1, or 0)")
ANSWERING = Gauge("chartrier_clock_sources", "Time servers that answered when they were last asked")

Handler = Callable[[Transaction, Sequence[Any]], Awaitable[None]]


class ClockOff(TryAgain):
    """This host's clock is so wrong that nothing may be dated by it."""


class ClockUnwatched(TryAgain):
    """No time server has answered for long: whether the clock is right, nobody knows."""


class State(StrEnum):
    """How right a clock is."""

    RIGHT = "right"
    DRIFTED = "drifted"
    STOPPED = "stopped"


def state_after(before: State, off: timedelta, limit: timedelta) -> State:
    """Return the state of a clock that is `off` by so much, either way.

    It comes back at half of what it went at: a clock at the very limit does not change its state every minute.
    """
    stops = limit / 2 if before is State.STOPPED else limit
    drifts = SOFT if before is State.RIGHT else SOFT / 2
    if abs(off) > stops:
        return State.STOPPED
    return State.DRIFTED if abs(off) > drifts else State.RIGHT


def believed(drifts: Sequence[timedelta]) -> timedelta:
    """Return the drift that several servers tell of: the middle one, so that a single liar decides nothing.

    Of two, the smaller.
    """
    return sorted(drifts, key=abs)[(len(drifts) - 1) // 2]


@dataclass(frozen=True, slots=True)
class _Word:
    """By how much an authority was ahead of this host's clock, and when that was, and by how much that clock led then."""

    drift: timedelta
    heard_at: float
    clock_ahead: float

    def drift_now(self) -> timedelta:
        """Return it for the clock as it was set since."""
        return self.drift - timedelta(seconds=_clock_ahead() - self.clock_ahead)


class Clock:
    """This host's clock, as time servers and authorities see it; without any of them it is always right."""

    def __init__(self, sources: Sequence[TimeSource], limit: timedelta, *, every: float = LOOK_SECONDS) -> None:
        """Stop beyond `limit`, looking at the servers every so many seconds."""
        self._sources = tuple(sources)
        self._limit = limit
        self._every = every
        self._looked_at = float("-inf")
        self._answered_at = time.monotonic()
        self._answers: tuple[timedelta, ...] = ()
        self._served = timedelta(0)
        self._words: dict[str, _Word] = {}
        self.state = State.RIGHT
        self.off = timedelta(0)

    def require(self) -> None:
        """Return where the clock may be believed. Raises `ClockOff`."""
        if self.state is State.STOPPED:
            raise ClockOff(f"the clock of this host is off by {self.off.total_seconds():.1f} s")

    def hear(self, authority: str, drift: timedelta) -> None:
        """Take the word of a time-stamping authority, by how much its clock is ahead."""
        show_drift(authority, drift)
        self._words[authority] = _Word(drift, time.monotonic(), _clock_ahead())
        self._judge()

    async def look(self) -> None:
        """Ask the servers where it is time to. Raises `ClockOff`, or `ClockUnwatched` where none answers."""
        every = min(self._every, SOON_SECONDS) if self.state is State.STOPPED else self._every
        if self._sources and time.monotonic() - self._looked_at >= every:
            self._looked_at = time.monotonic()
            self._take(await asyncio.gather(*map(_ask, self._sources)))
        if self._words:
            self._judge()
        self.require()
        if self._sources and time.monotonic() - self._answered_at > SILENT_SECONDS:
            raise ClockUnwatched("no time server answers")

    def _take(self, answers: Sequence[timedelta | None]) -> None:
        self._answers = tuple(one for one in answers if one is not None)
        ANSWERING.set(len(self._answers))
        if self._answers:
            self._answered_at = time.monotonic()
            self._served = believed(self._answers)
            self._judge()

    def _judge(self) -> None:
        heard = self._heard()
        # Tokens tell whole seconds: of less than half the limit, time servers alone are believed.
        self.off = heard if abs(heard) > self._limit / 2 else self._served
        self.state = state_after(self.state, self.off, self._limit)
        OFF.set(abs(self.off.total_seconds()))
        STOPPED.set(self.state is State.STOPPED)

    def _heard(self) -> timedelta:
        """Return the drift that authorities tell of; none where it is one alone, against servers that answer."""
        since = time.monotonic() - HEARD_SECONDS
        self._words = {name: word for name, word in self._words.items() if word.heard_at > since}
        drifts = [word.drift_now() for word in self._words.values()]
        enough = len(drifts) > 1 or (drifts and not self._answers)
        return believed(drifts) if enough else timedelta(0)


def _clock_ahead() -> float:
    """Return by how many seconds this host's clock is ahead of one that nobody sets."""
    return now().timestamp() - time.clock_gettime(time.CLOCK_MONOTONIC_RAW)


async def _ask(source: TimeSource) -> timedelta | None:
    try:
        drift = await drift_from(source, ANSWER_SECONDS)
    except NoTime as error:
        log.warning("no time from a server", extra={"source": source.name, "reason": str(error)})
        return None
    show_drift(source.name, drift)
    return drift


class ClockWatch:
    """Looks at the clock, and writes a line of events when its state changes."""

    def __init__(self, clock: Clock, database: RoomDatabase) -> None:
        self._clock = clock
        self._database = database
        self._told = State.RIGHT

    async def ask(self) -> None:
        """Look at the clock. Raises as `Clock.look` does: it is asked as dependencies are, and shown with them."""
        try:
            await self._clock.look()
        finally:
            await self._tell()

    async def _tell(self) -> None:
        state, off = self._clock.state, self._clock.off
        if state is self._told:
            return
        milliseconds = round(off.total_seconds() * 1000)
        log.log(
            logging.INFO if state is State.RIGHT else logging.ERROR,
            "clock",
            extra={"state": state, "off_milliseconds": milliseconds},
        )
        async with self._database.begin() as tx:
            tx.journal(_line_of(state, milliseconds))
        # Only now: a line that could not be written is written at the next look.
        self._told = state


def on_time(clock: Clock, handle: Handler) -> Handler:
    """Return a handler that has its messages come again while the clock is off."""

    async def handled(tx: Transaction, heard: Sequence[Any]) -> None:
        clock.require()
        await handle(tx, heard)

    return handled


def _line_of(state: State, milliseconds: int) -> JournalLineV1:
    if state is State.RIGHT:
        return _line("clock.corrected", milliseconds)
    line = _line("clock.drifted", milliseconds) if state is State.DRIFTED else _line("clock.stopped", milliseconds)
    return line.model_copy(update={"outcome": "ko"})


def _line(action: str, milliseconds: int) -> JournalLineV1:
    return JournalLineV1(
        kind="events",
        action=action,
        actor="room:proof",
        object="clock",
        details={"drift_milliseconds": milliseconds},
    )
