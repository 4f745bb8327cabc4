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
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

from services.ingest.domain.errors import TryAgain

Answer = TypeVar("Answer")

_PR_SET_PDEATHSIG = 1

END_SECONDS = 5.0
"""How long to wait for killed children to be gone; one that a disk holds may take longer, and is left."""


class ChildDied(TryAgain):
    """A child process ended in the middle of its work, killed from outside or out of memory."""


class Children:
    """A pool of `count` child processes, started on first use and replaced when one dies.

    Each begins by `prepare`, which a child must find by its name: a function of a module, or a partial of it.
    """

    def __init__(self, count: int, prepare: Callable[[], None] | None = None) -> None:
        self._count = count
        self._prepare = prepare
        self._pool: ProcessPoolExecutor | None = None

    async def call(self, function: Callable[..., Answer], *arguments: object) -> Answer:
        """Run a module-level function in a child. Raises what it raises, or `ChildDied`."""
        if self._pool is None:
            self._pool = _open_pool(self._count, self._prepare)
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
        except BrokenProcessPool as error:
            if self._pool is pool:
                self._pool = None
            pool.shutdown(wait=False, cancel_futures=True)
            raise ChildDied("a child process died") from error

    async def close(self) -> None:
        """End the children; work in hand is given up, its lease will run out."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        for process in list((pool._processes or {}).values()):  # noqa: SLF001 (3.11 has no other way to end them)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        # Until the pool has ended, its semaphores are there: `os._exit` would leave them to a helper process of the
        # standard library, which complains of it in our log.
        words = {"wait": True, "cancel_futures": True}
        ending = threading.Thread(target=pool.shutdown, kwargs=words, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, END_SECONDS)
        del pool
        # A call that was in hand has left the pool in its traceback.
        gc.collect()


def _open_pool(count: int, prepare: Callable[[], None] | None) -> ProcessPoolExecutor:
    # A fork of a process with threads and an event loop is not safe; a fork server's children are.
    context = multiprocessing.get_context("forkserver")
    return ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(prepare,))


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
