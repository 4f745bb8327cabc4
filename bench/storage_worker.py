"""Storage as a worker of its own, without a broker: what the audit bench measures. Run by it, not by hand."""

import asyncio
import sys

import uvloop

from services.storage.settings import StorageSettings
from services.storage.wiring import build
from shared.messaging.local import LocalTransport
from shared.room import running
from shared.settings import RoomSettings
from shared.stopping import StopRequest, heeding_signals

TICK = 0.1


async def _work(stop: StopRequest) -> None:
    room = build(RoomSettings(), StorageSettings(), LocalTransport())
    async with running(room, stop=stop):
        while not stop.asked():  # noqa: ASYNC110 (a signal only leaves a note)
            await asyncio.sleep(TICK)


def main() -> int:
    """Work until told to stop."""
    with heeding_signals() as stop, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(stop))
    return 0


if __name__ == "__main__":
    sys.exit(main())
