"""How long each step of a deposit takes, wherever it is done."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from shared.messaging.outcome import TryAgain
from shared.metrics import STEP_SECONDS
from shared.object_store.errors import StoreUnavailable


@contextmanager
def timed(room: str, step: str) -> Iterator[None]:
    """Measure the block as a step of a room: `done`, `postponed` (the world is at fault), `failed` or `cancelled`."""
    started, outcome = time.perf_counter(), "failed"
    try:
        yield
        outcome = "done"
    except (TryAgain, StoreUnavailable):
        outcome = "postponed"
        raise
    except asyncio.CancelledError:
        outcome = "cancelled"
        raise
    finally:
        STEP_SECONDS.labels(room, step, outcome).observe(time.perf_counter() - started)
