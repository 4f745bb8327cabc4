"""How long an upload waits for an archive that is away, and what no waiting mends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from chartrier_client.conversation import FAILURES, Flow, Pause
from chartrier_client.errors import NoToken, Problem, Unreachable
from chartrier_client.language import Text, told

# Failures in a row without one byte more, and the pauses between them, in seconds.
MOST_FAILURES: Final = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# 409: another offset; 423: the piece before is still being written; 460: the piece was spoilt on its way;
# 507: there is no room until others have gone.
AGAIN: Final = frozenset({408, 409, 423, 429, 460, 500, 502, 503, 504, 507})
CUT_SHORT: Final = "truncated"
GONE: Final = frozenset({404, 410})

T = TypeVar("T")


def passes(problem: Problem) -> bool:
    """Whether what was refused may be taken a little later."""
    return problem.status in AGAIN or problem.code == CUT_SHORT


def is_unknown(failure: Exception) -> bool:
    """Whether the upload asked for is not there; a token's route may be absent too, and tells nothing of it."""
    return isinstance(failure, Problem) and not isinstance(failure, NoToken) and failure.status in GONE


@dataclass(slots=True)
class Patience:
    """The failures in a row of one upload, whatever it asked for: a piece, an offset, a state or a token."""

    failures: int = 0

    def renew(self) -> None:
        """Forget what failed, since it went on."""
        self.failures = 0

    def asked(self, ask: Callable[[], Flow[T]]) -> Flow[T]:
        """Ask until there is an answer. Raises what `pause` does."""
        while True:
            try:
                return (yield from ask())
            except FAILURES as failure:
                yield from self.pause(failure)

    def pause(self, failure: Exception, asked: str = "") -> Flow[None]:
        """Count a failure and wait: as long as was `asked` (a Retry-After), else longer each time.

        Raises a `Problem` that does not pass or does not end, and `Unreachable` for a network that fails all along.
        """
        self.failures += 1
        if isinstance(failure, Problem) and (self.failures > MOST_FAILURES or not passes(failure)):
            raise failure
        if self.failures > MOST_FAILURES:
            fr, en = told(failure, "fr"), told(failure, "en")
            raise Unreachable(
                Text(
                    f"le dépôt s'interrompt sans cesse ({fr}) : la même commande le reprendra",
                    f"the upload breaks off again and again ({en}): the same command goes on with it",
                )
            ) from failure
        growing = min(FIRST_PAUSE * 2 ** (self.failures - 1), LONGEST_PAUSE)
        yield Pause(min(float(asked), LONGEST_PAUSE) if asked.isdecimal() else growing)
