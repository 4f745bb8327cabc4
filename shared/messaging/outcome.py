"""What can come of handling a message: done, try again, or dead.

HandlingError
├── TryAgain    the world is at fault (a server away, a fact not here yet): a later delivery may succeed
└── Rejected    the message can never be handled: dead-letter it, wake someone
    └── Stranger    it is not of our making
Any other exception is a bug of ours: tried again a few times, then dead-lettered.
"""

from dataclasses import dataclass
from enum import StrEnum


class HandlingError(Exception):
    """A message was not handled."""


class TryAgain(HandlingError):
    """The world is at fault; a later delivery may succeed."""


class Rejected(HandlingError):
    """No delivery of this message can ever succeed."""


class Stranger(Rejected):
    """The message is not of our making."""


class Verdict(StrEnum):
    """The three outcomes of a delivery."""

    DONE = "done"
    AGAIN = "again"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict and, when it is not `done`, why. A `patient` one waits for the world without limit."""

    verdict: Verdict
    reason: str = ""
    patient: bool = False

    def is_over(self, attempts: int) -> bool:
        """Say whether the message is dead after `attempts` deliveries; the world may take any number."""
        spent = self.verdict is Verdict.AGAIN and not self.patient and attempts >= DELIVERY_LIMIT
        return spent or self.verdict is Verdict.DEAD


DONE = Outcome(Verdict.DONE)

RETRY_DELAYS = (1, 5, 30, 300)
"""Seconds before the second, third… delivery; the last one repeats."""

DELIVERY_LIMIT = 12
"""Deliveries of a message that trips over a bug of ours before it is dead-lettered: about 40 minutes."""


def retry_delay(attempts: int) -> int:
    """Return how long to wait, in seconds, after `attempts` failed deliveries (1 or more)."""
    return RETRY_DELAYS[min(attempts, len(RETRY_DELAYS)) - 1]
