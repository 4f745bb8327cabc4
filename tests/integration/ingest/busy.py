"""What the children of a test do: functions that a child finds by their name."""

import asyncio
import os
import sys
import time
from pathlib import Path


def begin(file: Path, seconds: float) -> int:
    """Say in `file` who we are, then be busy."""
    unfinished = file.with_suffix(".part")
    unfinished.write_text(str(os.getpid()))
    unfinished.rename(file)
    time.sleep(seconds)
    return os.getpid()


def said_in(file: Path) -> int | None:
    return int(file.read_text()) if file.exists() else None


async def until(file: Path) -> int:
    """Wait for a child to say that it has begun, and return its process id."""
    async with asyncio.timeout(30):
        while (pid := said_in(file)) is None:
            await asyncio.sleep(0.01)
    return pid


def tell(folder: Path) -> None:
    """Be what a child begins with."""
    (folder / f"prepared-{os.getpid()}").touch()


def has_loaded(module: str) -> bool:
    return module in sys.modules
