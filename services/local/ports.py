"""Free loopback ports."""

import errno
import random
import socket
from collections.abc import Collection
from contextlib import ExitStack

# Below the range that Linux lends to outgoing connections (32768 and up), so that a server which restarts
# finds its port again.
FIRST, LAST = 20000, 32000
_ATTEMPTS = 2000


class NoFreePortError(Exception):
    """This machine has no free loopback port left in our range."""


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError as refusal:
            # A port under 1024 may be free and yet refused to us: no server of ours could take it either.
            if refusal.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def free_ports(count: int, taken: Collection[int] = ()) -> tuple[int, ...]:
    """Choose distinct free ports outside `taken`, at random: two callers at once rarely choose the same."""
    draw = random.SystemRandom()
    found: list[int] = []
    with ExitStack() as held:
        for _ in range(_ATTEMPTS):
            if len(found) == count:
                return tuple(found)
            port = draw.randrange(FIRST, LAST)
            if port in taken or port in found:
                continue
            # Held until all are chosen, so that the kernel itself refuses a port twice.
            attempt = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    raise NoFreePortError(f"No {count} free loopback ports between {FIRST} and {LAST}.")


def keep_or_replace(known: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Return the ports remembered from an earlier start when all are still free, new ones otherwise."""
    if len(known) == count and all(is_free(port) for port in known):
        return known
    return free_ports(count)
