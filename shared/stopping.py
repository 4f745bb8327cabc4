"""Stopping when told to: SIGINT and SIGTERM mean the same at any moment, from the first line of a process on."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class StopRequest:
    """Whether we were told to stop. Whoever does something long looks at `asked()` between two steps.

    The signal only leaves a note: an exception raised wherever the process happens to be gets lost in a
    destructor, or in a library that swallows cancellations while it closes a connection; the process would
    then go on as if nobody had asked. Told a second time, it interrupts.
    """

    def __init__(self) -> None:
        self._asked = False

    def asked(self) -> bool:
        """Say whether we were told."""
        return self._asked

    def take(self, _number: int, _frame: FrameType | None) -> None:
        """Take a signal. Raises KeyboardInterrupt from the second one on."""
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True


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
