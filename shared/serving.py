"""Serve one room as a process of its own: `serve` does everything, `api` and `worker` half each."""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import uvicorn
import uvloop
from pydantic_settings import BaseSettings
from starlette.types import ASGIApp
from typing_extensions import override

from shared import configuration
from shared.exporting import tracing_of
from shared.observability import configure_logging
from shared.readiness import WrongSetting
from shared.room import Room, running
from shared.settings import ProcessSettings, RoomSettings
from shared.slowness import connection_class
from shared.stopping import StopRequest, heeding_signals

SHUTDOWN_SECONDS = 10
"""How long requests in hand may take to end once we are told to stop."""

INTERRUPTED = 130
"""Exit status of a process that was told twice to stop (128 and SIGINT, as a shell counts)."""

log = logging.getLogger(__name__)

Own = TypeVar("Own", bound=BaseSettings)


def main(
    name: str, build: Callable[[RoomSettings, Own], Room], own: type[Own], arguments: Sequence[str] | None = None
) -> None:
    """Become the process that ``python -m services.<room> serve|api|worker`` asks for.

    `own` is the class of the room's own settings. Exits with 78 where settings are wrong, all of them named.
    """
    parser = argparse.ArgumentParser(prog=f"services.{name}")
    parser.add_argument("role", choices=["serve", "api", "worker"])
    role = parser.parse_args(arguments).role

    configuration.require(ProcessSettings, own)
    settings, settings_of_its_own = ProcessSettings(), own()
    configure_logging(name, settings.log_level)
    for hint in configuration.slips((ProcessSettings, own)):
        log.warning("unknown setting", extra={"hint": hint})
    tracing = tracing_of(f"chartrier-{name}", settings)
    status = 0
    try:
        room = build(settings, settings_of_its_own).made_with(settings_of_its_own).playing(role)
        tracing.watch([room.foundation.database.engine])
        with heeding_signals() as stop, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(room, settings, stop))
        status = told(stop)
    except KeyboardInterrupt:
        status = INTERRUPTED
    tracing.close()
    # All is closed. A thread that still waits for a store that hangs would keep us for as long as it hangs.
    logging.shutdown()
    os._exit(status)


def told(stop: StopRequest) -> int:
    """Return the exit status of a process that has closed in good order; why it gave up is said, or raised."""
    if stop.given_up is None:
        return 0
    if not isinstance(stop.given_up, WrongSetting):
        raise stop.given_up
    sys.stderr.write(f"{stop.given_up}\n")
    return configuration.WRONG_SETTINGS


async def _serve(room: Room, settings: RoomSettings, stop: StopRequest) -> None:
    async with running(room, stop=stop):
        # A worker keeps its HTTP face: probes and metrics are asked there.
        await listen(room.app, settings, stop)


async def listen(app: ASGIApp, settings: RoomSettings, stop: StopRequest) -> None:
    """Serve HTTP until told to stop, then let requests in hand end."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=connection_class(settings.client_stall_seconds),
        forwarded_allow_ips=settings.trusted_proxies,
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
