"""Child processes for CPU work: they die with us, and a dead one only delays its work."""

import asyncio
import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

from services.ingest.domain.errors import TryAgain

Answer = TypeVar("Answer")

_PR_SET_PDEATHSIG = 1

PRELOADED = ("services.ingest.pipeline.judge", "services.ingest.pipeline.aip.builder")

END_SECONDS = 5.0
"""How long to wait for killed children to be gone; one that a disk holds may take longer, and is left."""


class ChildDied(TryAgain):
    """A child process ended in the middle of its work, killed from outside or out of memory."""


class ChildTooSlow(TryAgain):
    """A call took longer than it was given; its child was killed."""


class Children:
    """`count` child processes, each started when it is first needed and replaced when it has died.

    Each begins by `prepare`, which a child must find by its name: a function of a module, or a partial of it.
    """

    def __init__(self, count: int, prepare: Callable[[], None] | None = None) -> None:
        self._children = [_Child(prepare) for _ in range(count)]
        # The last one that was free comes first: it has loaded what it needs, others may never have to.
        self._free: asyncio.LifoQueue[_Child] = asyncio.LifoQueue()
        for child in self._children:
            self._free.put_nowait(child)
        self._closed = False

    async def call(
        self, function: Callable[..., Answer], *arguments: object, seconds: Callable[[], float] | None = None
    ) -> Answer:
        """Run a module-level function in a child. Raises what it raises, `ChildDied` or `ChildTooSlow`.

        `seconds` says how long it may take from when a child has it, and is asked again when that is over. A call
        that is cancelled, too slow or out of memory has its child killed: nobody works on its files when it has
        ended, and the next call has a child of its own.
        """
        child = await self._free.get()
        try:
            if self._closed:
                raise ChildDied("the child processes have been ended")
            return await child.call(function, arguments, seconds)
        finally:
            self._free.put_nowait(child)

    async def close(self) -> None:
        """End the children; work in hand is given up, its lease will run out."""
        self._closed = True
        await asyncio.gather(*(child.end() for child in self._children))
        # A call that was in hand may have left its pool in a traceback.
        gc.collect()


class _Child:
    """A pool of one process: no process of a larger one can be killed without the calls of all the others."""

    def __init__(self, prepare: Callable[[], None] | None) -> None:
        self._prepare = prepare
        self._pool: ProcessPoolExecutor | None = None
        self._ending: threading.Thread | None = None

    async def call(
        self, function: Callable[..., Answer], arguments: tuple[object, ...], seconds: Callable[[], float] | None
    ) -> Answer:
        """Run one function, alone in this child."""
        try:
            return await _in_time(self._begin(function, arguments), seconds)
        except BrokenProcessPool as error:
            await self.end()
            raise ChildDied("a child process died") from error
        except (ChildTooSlow, MemoryError, asyncio.CancelledError):
            # Whatever filled a child may stay in it, in a cache: it would refuse every call to come.
            await self.end()
            raise

    def _begin(self, function: Callable[..., Answer], arguments: tuple[object, ...]) -> "asyncio.Future[Answer]":
        if self._pool is None:
            self._pool = _open_pool(self._prepare)
        return asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    async def end(self) -> None:
        """Kill the process, and return once it is gone; the next call starts another."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            self._ending = _kill(pool)
        if self._ending is not None:
            # Begun by another perhaps, who waits too.
            await asyncio.to_thread(self._ending.join, END_SECONDS)


def _kill(pool: ProcessPoolExecutor) -> threading.Thread:
    """Kill the process of a pool, and return who waits for the pool to end."""
    for process in list((pool._processes or {}).values()):  # noqa: SLF001 (3.11 has no other way to end them)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    # Until the pool has ended, its semaphores are there: `os._exit` would leave them to a helper process of the
    # standard library, which complains of it in our log.
    words = {"wait": True, "cancel_futures": True}
    ending = threading.Thread(target=pool.shutdown, kwargs=words, daemon=True)
    ending.start()
    return ending


async def _in_time(work: "asyncio.Future[Answer]", seconds: Callable[[], float] | None) -> Answer:
    """Wait for `work`. Raises `ChildTooSlow` once it has taken as long as `seconds` says."""
    began = time.monotonic()
    try:
        while not work.done():
            given = None if seconds is None else seconds()
            left = None if given is None else began + given - time.monotonic()
            if left is not None and left <= 0:
                raise ChildTooSlow(f"more than {given:.0f} seconds of work")
            await asyncio.wait({work}, timeout=left)
        return work.result()
    finally:
        # Whatever becomes of it now is nobody's business.
        work.cancel()


def _open_pool(prepare: Callable[[], None] | None) -> ProcessPoolExecutor:
    # A fork of a process with threads and an event loop is not safe; a fork server's children are.
    context = multiprocessing.get_context("forkserver")
    # Loaded once, by the fork server, and shared by all children. Not what has threads of its own (Siegfried): those
    # do not survive a fork.
    context.set_forkserver_preload(list(PRELOADED))
    return ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(prepare,))


def _begin(prepare: Callable[[], None] | None) -> None:
    _die_with_parent()
    if prepare is not None:
        prepare()


def _die_with_parent() -> None:
    """End this child when the process it works for is gone, so that kill -9 leaves nobody behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        # For the fork server, which is our parent to the kernel. It lives as long as any of us does: we hold
        # the pipe whose end would tell it to go.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
