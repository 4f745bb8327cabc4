"""How fast somebody may ask: token buckets, one for each asker, in this process alone.

A bucket holds `burst` tokens and gains `per_second` of them; each request takes one. N processes of a room give
N times the rate: buckets that processes shared would cost every request a question to a server.
"""

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import Request

from shared.limits import Rate
from shared.metrics import RATE_LIMITED
from shared.problems import Problem

log = logging.getLogger(__name__)

ONE_A_MINUTE = Rate(1 / 60, 1)
"""Log lines of one asker."""

REMEMBERED = 4096
"""Askers whose buckets are kept at most; of whoever has been silent for longest, we forget."""


class Buckets:
    """The buckets of many askers under one rate; a forgotten one is full again."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic, remembered: int = REMEMBERED) -> None:
        self._rate = rate
        self._clock = clock
        self._remembered = remembered
        # Asker → (tokens, at what moment).
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, asker: str) -> float:
        """Return how many seconds there are until this asker has a token: 0 if he has one."""
        return max(0.0, (1.0 - self._tokens(asker)) / self._rate.per_second)

    def take(self, asker: str) -> float:
        """Take a token if there is one, and return 0; else return the seconds until there is, taking none."""
        wait = self.wait(asker)
        if wait == 0.0:
            self._buckets[asker] = (self._tokens(asker) - 1.0, self._clock())
            self._buckets.move_to_end(asker)
            if len(self._buckets) > self._remembered:
                self._buckets.popitem(last=False)
        return wait

    def _tokens(self, asker: str) -> float:
        tokens, at = self._buckets.get(asker, (float(self._rate.burst), self._clock()))
        return min(self._rate.burst, tokens + (self._clock() - at) * self._rate.per_second)


class Turnstile:
    """Lets through whoever keeps to a rate, and tells the others when to come back."""

    def __init__(self, room: str, rate: Rate) -> None:
        self._room = room
        self._buckets = Buckets(rate)
        self._lines = Buckets(ONE_A_MINUTE)

    def admit(self, asker: str) -> None:
        """Count one request of an asker. Raises a 429 `Problem`."""
        self._refuse(asker, self._buckets.take(asker))

    def require(self, asker: str) -> None:
        """Count nothing; raises a 429 `Problem` where `admit` would."""
        self._refuse(asker, self._buckets.wait(asker))

    def count(self, asker: str) -> None:
        """Count something against an asker, who is not refused for it."""
        self._buckets.take(asker)

    def _refuse(self, asker: str, wait: float) -> None:
        if wait > 0.0:
            RATE_LIMITED.labels(self._room).inc()
            if self._lines.take(asker) == 0.0:
                # An address may be a person's; a client is a program.
                shown = asker if asker.startswith("client:") else "an address"
                log.warning("asks too often", extra={"of": self._room, "asker": shown})
            raise too_many_requests(wait)


def too_many_requests(wait: float) -> Problem:
    """Return the answer for whoever asks too fast: after its Retry-After, in whole seconds, he passes."""
    seconds = max(1, math.ceil(wait))
    return Problem(
        429,
        "too_many_requests",
        f"Trop de requêtes ; réessayez dans {seconds} s.",
        f"Too many requests; try again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )


def address_of(request: Request) -> str:
    """Return who asks, as the network knows it: an IPv4 address, or the 64 bits that one IPv6 site has."""
    host = "" if request.client is None else request.client.host
    try:
        found = ip_address(host)
    except ValueError:
        return host[:100]
    return str(ip_network(f"{found}/64", strict=False)) if isinstance(found, IPv6Address) else str(found)
