"""How much room a store has, and how much of it is for new deposits. Everything in bytes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

GIB = 1024**3

Held = Callable[[], Awaitable[int]]
"""Says how many bytes we know to be in a store: asked only where a quota is declared."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the operator grants of a store: `quota` in all (None: what there is); `reserve` is not for newcomers.

    The reserve is what work in hand lives from when deposits have taken the rest.
    """

    reserve: int = GIB
    quota: int | None = None


USUAL = Allowance()


@dataclass(frozen=True, slots=True)
class Space:
    """Room in a store; `owed` is what work in hand will still put there."""

    free: int
    total: int
    reserve: int
    owed: int = 0

    @property
    def open(self) -> int:
        """Return how many bytes newcomers may take; below zero where work in hand lives from the reserve."""
        return self.free - self.reserve - self.owed

    @property
    def margin(self) -> int:
        """Return how much must be open before a store that was full counts as open again."""
        return max(self.reserve // 10, 1024**2)


async def space_within(allowance: Allowance, held: Held, system: Space | None) -> Space | None:
    """Return the room that an allowance leaves of what a system has; None where neither says anything."""
    if allowance.quota is None:
        return system
    left = max(0, allowance.quota - await held())
    if system is None:
        return Space(left, allowance.quota, allowance.reserve)
    return Space(min(left, system.free), min(allowance.quota, system.total), allowance.reserve)
