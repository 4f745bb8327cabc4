"""Stopping when told to: SIGINT and SIGTERM mean the same at any moment, while a process opens, serves and closes."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class StopRequest:
    """Whether we were told to stop. Whoever does something long looks at `asked()` between two steps.

    The signal only leaves a note: an exception raised wherever the process happens to be gets lost in a
    destructor, or in a library that swallows cancellations while it closes a connection; the process would
    then go on as if nobody had asked. Told the same a second time, it interrupts.
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self.given_up: Exception | None = None

    def asked(self) -> bool:
        """Say whether we were told, or gave up."""
        return bool(self._taken) or self.given_up is not None

    def give_up(self, error: Exception) -> None:
        """Stop of ourselves: `error` is nothing that would pass."""
        self.given_up = error

    def take(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal. Raises KeyboardInterrupt when the same one comes again."""
        if number in self._taken:
            raise KeyboardInterrupt
        self._taken.add(number)


@contextlib.contextmanager
def heeding_signals() -> Iterator[StopRequest]:
    """Heed the signals that mean "stop" while the block lasts; main thread only."""
    stop = StopRequest()
    before = {number: signal.signal(number, stop.take) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
