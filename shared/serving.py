"""Serve one room as a process of its own: `serve` does everything, `api` and `worker` half each."""

import argparse
import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace

import uvicorn
import uvloop
from starlette.types import ASGIApp
from typing_extensions import override

from shared.exporting import Tracing, tracing_of
from shared.observability import configure_logging
from shared.room import Room, running
from shared.settings import RoomSettings
from shared.stopping import StopRequest, heeding_signals

SHUTDOWN_SECONDS = 10
"""How long requests in hand may take to end once we are told to stop."""

INTERRUPTED = 130
"""Exit status of a process that was told twice to stop (128 and SIGINT, as a shell counts)."""

Build = Callable[[RoomSettings], Awaitable[Room]]


def main(name: str, build: Build, arguments: Sequence[str] | None = None) -> None:
    """Become the process that ``python -m services.<room> serve|api|worker`` asks for."""
    parser = argparse.ArgumentParser(prog=f"services.{name}")
    parser.add_argument("role", choices=["serve", "api", "worker"])
    role = parser.parse_args(arguments).role

    settings = RoomSettings()
    configure_logging(name, settings.log_level)
    tracing = tracing_of(f"chartrier-{name}", settings)
    status = 0
    try:
        with heeding_signals() as stop, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(build, settings, role, stop, tracing))
    except KeyboardInterrupt:
        status = INTERRUPTED
    tracing.close()
    # All is closed. A thread that still waits for a store that hangs would keep us for as long as it hangs.
    logging.shutdown()
    os._exit(status)


async def _serve(build: Build, settings: RoomSettings, role: str, stop: StopRequest, tracing: Tracing) -> None:
    room = await build(settings)
    tracing.watch([room.foundation.database.engine])
    if stop.asked():
        return
    if role == "api":
        room = replace(room, consumers=(), loops=())
    async with running(room):
        # A worker keeps its HTTP face: probes and metrics are asked there.
        await listen(room.app, settings.host, settings.port, stop)


async def listen(app: ASGIApp, host: str, port: int, stop: StopRequest) -> None:
    """Serve HTTP until told to stop, then let requests in hand end."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http="httptools",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=75,
    )
    await _Server(config, stop).serve()


class _Server(uvicorn.Server):
    """Returns when told to stop: uvicorn's own would raise the signal again, and end us before we have closed."""

    def __init__(self, config: uvicorn.Config, stop: StopRequest) -> None:
        super().__init__(config)
        self._stop = stop

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever heeds them already."""
        yield

    @override
    async def on_tick(self, counter: int) -> bool:
        """Say whether to end: asked ten times a second."""
        return self._stop.asked() or await super().on_tick(counter)
