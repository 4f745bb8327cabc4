"""When tokens are to be renewed: by the ends of their certificates, and of the algorithms that they rest on (PRV-08).

A token is worth renewing while it proves something; a renewal is of use only if its own token proves for longer.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof import renewal_queries as queries
from services.proof.algorithms import AT_NO_TIME, Algorithms
from services.proof.domain.renewals import Renewed
from services.proof.domain.token_life import TokenLife, life_of
from services.proof.renewal_queries import Head
from shared.clock import now

ASKED_LATELY = 20
"""The newest seals, by whose tokens we know for how long the authorities stamp today."""

TOGETHER = timedelta(days=30)
"""What falls due within it is renewed with what is due: one token instead of many."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """A token that proves something until a moment, and why no longer: ``certificate``, or an algorithm."""

    head: Head
    until: datetime
    because: str

    def due(self, margin: timedelta) -> datetime:
        """Return when it is to be renewed."""
        return _before(self.until, margin)


class Calendar:
    """Knows how long tokens last; what was read of a token stays known, for tokens do not change."""

    def __init__(self, algorithms: Algorithms, margin: timedelta, clock: Callable[[], datetime] = now) -> None:
        """Take the register, and how long before its end a token is renewed."""
        self.algorithms, self.margin, self._now = algorithms, margin, clock
        self._lives: dict[Renewed, TokenLife] = {}

    async def lasting(self, connection: AsyncConnection) -> list[Lasting]:
        """Return every token that something rests on, the first to end first."""
        at = self._now()
        fallen = [name for name, end in self.algorithms.digests.items() if end <= at]
        heads = await queries.heads(connection, fallen)
        await self._read(connection, [one.newest for one in heads])
        found = [Lasting(one, *self._until(self._lives[one.newest])) for one in heads]
        return sorted(found, key=lambda one: one.until)

    async def stamped_until(self, connection: AsyncConnection) -> datetime:
        """Return until when a token proves something that is asked for today, going by those of the newest seals."""
        lately = await queries.newest_seals(connection, ASKED_LATELY)
        await self._read(connection, lately)
        return max((self._until(self._lives[one])[0] for one in lately), default=AT_NO_TIME)

    def until(self, token: bytes, certificate_ends: datetime) -> datetime:
        """Return until when a new token proves something."""
        return self._until(life_of(token, certificate_ends))[0]

    def tree_due(self, algorithm: str) -> datetime:
        """Return when the trees of an algorithm are to be renewed."""
        return _before(self.algorithms.digest_ends(algorithm), self.margin)

    def _until(self, life: TokenLife) -> tuple[datetime, str]:
        return life.until(self.algorithms.digest_ends, self.algorithms.key_ends)

    async def _read(self, connection: AsyncConnection, wanted: Iterable[Renewed]) -> None:
        unknown = [one for one in wanted if one not in self._lives]
        async for one, token, ends in queries.tokens(connection, unknown):
            self._lives[one] = life_of(token, ends)


def _before(end: datetime, margin: timedelta) -> datetime:
    return end if end < AT_NO_TIME + margin else end - margin


def batch(
    lasting: Sequence[Lasting], stamped_until: datetime, at: datetime, margin: timedelta, most: int
) -> list[Lasting]:
    """Return the tokens to be renewed together: under trees of one algorithm, one of them due, the others soon.

    `lasting` has the first to end first; `stamped_until` is until when a token asked for now proves something.
    Empty where none is due, or none is any use.
    """
    useful = [one for one in lasting if one.until < stamped_until]
    due = next((one for one in useful if one.due(margin) <= at), None)
    if due is None:
        return []
    return [one for one in useful if one.head.algorithm == due.head.algorithm and one.due(margin) <= at + TOGETHER][
        :most
    ]
