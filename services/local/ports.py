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
    """Choose distinct free ports outside `taken`, and hold them for the life of this process.

    Nobody who chooses through this function is given them meanwhile, in whatever process, and servers may listen
    on them, again and again. NoFreePortError leaves nothing held.
    """
    draw = random.SystemRandom()
    with ExitStack() as held:
        found: dict[int, socket.socket] = {}
        for _ in range(_ATTEMPTS):
            if len(found) == count:
                # Kept open on purpose, out of reach of the garbage collector: the kernel closes them when we end.
                held.pop_all()
                for holder in found.values():
                    holder.detach()
                return tuple(found)
            port = draw.randrange(FIRST, LAST)
            chosen = None if port in taken else _held(port)
            if chosen is not None:
                found[port] = held.enter_context(chosen)
    raise NoFreePortError(f"No {count} free loopback ports between {FIRST} and {LAST}.")


def _held(port: int) -> socket.socket | None:
    """Take a port without listening on it; None if another holds it, or listens there."""
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        holder.close()
        return None
    # Set after the bind: bound alone, without it, nobody else can bind as we just did; with it from now on, the
    # kernel lets those listen who set it too, as every server of ours does.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return holder


def keep_or_replace(known: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Return the ports remembered from an earlier start when all are still free, new ones otherwise."""
    if len(known) == count and all(is_free(port) for port in known):
        return known
    return free_ports(count)
