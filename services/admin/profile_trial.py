"""Try a profile in a process of its own, with little time and memory: a hostile one compiles for ever.

``python -m services.admin.profile_trial`` is that process: the profile on its standard input, its answer as JSON on
the output. It is started for each upload, knows no secret, and is killed when its time is over.
"""

import asyncio
import contextlib
import json
import os
import resource
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from shared.profiles.compiling import compiled
from shared.profiles.faults import ProfileFault
from shared.profiles.kinds import Kind
from shared.profiles.reading import read_profile

MEMORY: Final = 320 * 1024**2
"""Bytes of data that a trial may have: beside admin itself, less than the 512 MiB that its container is given."""

AT_ONCE: Final = 1


@dataclass(frozen=True, slots=True)
class Upload:
    """What somebody uploads as a profile; `entry` names the document in which a ZIP begins."""

    content: bytes
    kind: Kind
    entry: str | None


class Trials:
    """Tries profiles, one after the other; each may take `seconds`, and `limit` bytes once expanded."""

    def __init__(self, seconds: int, limit: int) -> None:
        self._seconds = seconds
        self.limit = limit
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def seda_versions(self, upload: Upload) -> tuple[str, ...]:
        """Return the versions of SEDA that a profile is for. Raises `ProfileFault` for one that cannot be used."""
        async with self._turns:
            # Ours: a process that is killed removes nothing.
            scratch = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="trial-")
            try:
                answer = await self._tried(upload, scratch.name)
            finally:
                await asyncio.to_thread(scratch.cleanup)
        if answer is None:
            raise _too_costly(self._seconds)
        told = json.loads(answer)
        if "fault" in told:
            raise ProfileFault(**told["fault"])
        return tuple(told["seda_versions"])

    async def _tried(self, upload: Upload, scratch: str) -> bytes | None:
        order = json.dumps([upload.kind, upload.entry, self.limit, self._seconds, scratch])
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            order,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # Nothing of ours: the environment of a room holds its secrets.
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        return await self._answer(process, upload.content)

    async def _answer(self, process: asyncio.subprocess.Process, content: bytes) -> bytes | None:
        try:
            async with asyncio.timeout(self._seconds):
                answer, _ = await process.communicate(content)
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return answer if process.returncode == 0 else None


def _too_costly(seconds: int) -> ProfileFault:
    return ProfileFault(
        "profile_too_costly",
        f"Ce profil demande trop de temps (plus de {seconds} s) ou de mémoire pour être compilé.",
        f"This profile takes too much time (more than {seconds} s) or memory to compile.",
    )


def main(order: str) -> None:
    """Be the trial. Ends with another status than 0 where time or memory does not suffice."""
    kind, entry, limit, seconds, scratch = json.loads(order)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    try:
        read = read_profile(sys.stdin.buffer.read(), Kind(kind), entry, limit)
        compiled(read.bundle, Kind(kind), Path(scratch))
        told: dict[str, object] = {"seda_versions": read.seda_versions}
    except ProfileFault as fault:
        told = {"fault": asdict(fault)}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
