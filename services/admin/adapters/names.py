"""Names and their addresses, asked for in threads of our own: a name server that is slow holds up nothing else."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host. Raises OSError where there are none."""

THREADS = 16


class Names:
    """The machine's own resolver."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="names")

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host, in the order in which they are to be tried. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _ask, host, port)
        return list(dict.fromkeys(found))

    async def close(self) -> None:
        """Ask no more; what was asked is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _ask(host: str, port: int) -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError as error:
        # A label that is empty or too long is no name.
        raise OSError("not a name") from error
