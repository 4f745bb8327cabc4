"""Ask again, less and less often, until something is over or the time allowed is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from chartrier_client.answers import Dip, Transfer
from chartrier_client.errors import StillRunning

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.1, 5.0, 1.3

Answer = TypeVar("Answer", Transfer, Dip)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait in all, in seconds, and how a pause is made."""

    timeout: float
    pause: Callable[[float], None] = time.sleep


def wait_for(
    ask: Callable[[], Answer],
    patience: Patience,
    on_progress: Callable[[Answer], None] | None = None,
) -> Answer:
    """Return the first final answer; `on_progress` hears each new state once, the final one included.

    Raises `StillRunning` when the time allowed is over, after at least one question.
    """
    ends = time.monotonic() + patience.timeout
    pause, state = FIRST_PAUSE, None
    while True:
        answer = ask()
        if on_progress and answer.state != state:
            on_progress(answer)
        state = answer.state
        if answer.is_final:
            return answer
        remaining = ends - time.monotonic()
        if remaining <= 0:
            raise StillRunning(f"{answer.id} is still «{state}» after {patience.timeout:g} s")
        patience.pause(min(pause, remaining))
        pause = min(pause * GROWTH, LONGEST_PAUSE)
