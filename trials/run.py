"""One run of one trial: its chance, its bounds, its folder, and what it has done."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.stopping import StopRequest
from trials.progress import Notebook

# How late a trial may hear that it is to stop.
_BLINK = 0.2


class NotAtHand(Exception):
    """What a trial needs is not on this machine; the text says what, and how to give it."""


class Stopped(Exception):
    """Somebody told the trial to stop; what it has done is kept."""


Figures = Mapping[str, int | float]
"""What a trial measured, by a name that says it with its unit."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial by its name. `play` raises `trials.levers.Amiss` where the archive fails it."""

    name: str
    about: str
    play: Callable[["Run"], Figures]
    count: int
    hours: float = 0.5


class Run:
    """What a trial is given to play with. Every choice comes from its seed, however often it is started again."""

    def __init__(
        self, folder: Path, notebook: Notebook, stop: StopRequest, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self.notebook = notebook
        self._stop = stop
        self._clock = clock
        self._before = notebook.progress.spent
        self._start = clock()

    @property
    def count(self) -> int:
        """How many units of work there are in all."""
        return self.notebook.progress.count

    @property
    def left(self) -> tuple[int, ...]:
        """The numbers of the units that are not done yet."""
        return tuple(number for number in range(self.count) if number not in self.notebook.progress.done)

    def chance(self, subject: object) -> random.Random:
        """Return the source of chance of one subject: the same at each start, whatever was drawn for others."""
        progress = self.notebook.progress
        return random.Random(f"{progress.trial}/{progress.seed}/{subject}")  # noqa: S311 (which room dies, no secret)

    @property
    def spent(self) -> float:
        """How long the trial has been going, over all its starts, in seconds."""
        return self._before + self._clock() - self._start

    @property
    def stopping(self) -> bool:
        """Whether we were told to stop."""
        return self._stop.asked()

    def is_over(self) -> bool:
        """Tell whether no new unit is to be begun: the time is up, or we were told to stop."""
        return self.stopping or self.spent >= self.notebook.progress.hours * 3600

    def pause(self, seconds: float) -> None:
        """Let time pass, less if told to stop."""
        end = self._clock() + seconds
        while (left := end - self._clock()) > 0 and not self.stopping:
            time.sleep(min(left, _BLINK))

    def heed(self) -> None:
        """Raise `Stopped` if told to stop."""
        if self.stopping:
            raise Stopped
