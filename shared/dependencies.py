"""What a room depends on, each watched by itself: what it last said, and since when it fails.

Nobody waits for a dependency that hangs: its question goes on alone, counts as failed after a while, and no
second one is asked beside it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Gauge

from shared.clock import now, rfc3339
from shared.object_store.errors import StoreMisconfigured
from shared.telling import told

log = logging.getLogger(__name__)

UP = Gauge("chartrier_dependency_up", "Whether a dependency answers", ("room", "dependency"))
DOWN_SECONDS = Gauge("chartrier_dependency_down_seconds", "For how long it has not", ("room", "dependency"))

WATCH_SECONDS = 5.0
"""How often a dependency that answers is asked."""

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 2.0
"""One that fails is asked again after a pause, doubled each time up to this."""

HANGS_SECONDS = 3.0
"""A question without an answer for so long has failed."""

LETTING_GO_SECONDS = 1.0
"""How long a question may take to end once it is given up."""

API, WORKER = "api", "worker"
BOTH = frozenset({API, WORKER})
ROLES: Mapping[str, frozenset[str]] = {"serve": BOTH, API: frozenset({API}), WORKER: frozenset({WORKER})}

OK = "ok"
UNKNOWN = "Unknown"
"""State of what has not answered a first time."""

Probe = Callable[[], Awaitable[None]]
"""Returns when what it asks works; raises otherwise."""


@dataclass(frozen=True)
class Dependency:
    """Something a room works with.

    `used_by` says in which roles it is asked at all, `required_by` in which the room is unready without it.
    `open` makes it fit for use, once, before the room opens. Of those with the same `one_of` a single one is
    enough. `setting` is the variable to look at when it is there, but not as declared.
    """

    name: str
    ask: Probe
    open: Probe | None = None
    used_by: frozenset[str] = BOTH
    required_by: frozenset[str] = BOTH
    one_of: str | None = None
    setting: str = ""


class Watched:
    """One dependency with its state; `news` is called after each answer, or when one has been waited for too long."""

    def __init__(self, room: str, dependency: Dependency, news: Callable[[], None]) -> None:
        self.dependency = dependency
        self.state = UNKNOWN
        self.since: datetime | None = now()
        self.opened = dependency.open is None
        self.misconfigured: StoreMisconfigured | None = None
        self._room = room
        self._news = news
        self._hangs = False
        self._question: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """Return the dependency's name."""
        return self.dependency.name

    async def asked(self, patience: float) -> None:
        """Return once a question put from now on is answered, or patience ends; at once where one hangs."""
        if self._hangs:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                if self._question is not None:
                    # It may have looked before that happened which we are to find out.
                    await asyncio.wait({self._question})
                await asyncio.wait({self._put()})

    async def watch(self) -> None:
        """Ask for ever: now and then while it answers, sooner while it does not."""
        failures = 0
        while True:
            question = self._put()
            await asyncio.wait({question}, timeout=HANGS_SECONDS)
            if not question.done():
                self._hangs = True
                self._note(TimeoutError(f"no answer within {HANGS_SECONDS:.0f} s"))
            failures = 0 if self.state == OK else failures + 1
            await asyncio.sleep(_pause(failures))

    async def let_go(self) -> None:
        """Give up a question under way."""
        if self._question is not None:
            self._question.cancel()
            await asyncio.wait({self._question}, timeout=LETTING_GO_SECONDS)

    def _put(self) -> asyncio.Task[None]:
        """Put the question, unless one is under way."""
        if self._question is None or self._question.done():
            self._question = asyncio.create_task(self._ask(), name=f"{self._room} asks {self.name}")
        return self._question

    async def _ask(self) -> None:
        failure: Exception | None = None
        try:
            if self.dependency.open is None or self.opened:
                await self.dependency.ask()
            else:
                await self.dependency.open()
                self.opened = True
        except Exception as error:  # noqa: BLE001 (a question's business is to report any failure)
            failure = error
            if isinstance(error, StoreMisconfigured) and not self.opened:
                self.misconfigured = error
        self._hangs = False
        self._note(failure)

    def _note(self, failure: Exception | None) -> None:
        before, since = self.state, self.since or now()
        self.state = OK if failure is None else type(failure).__name__
        self.since = None if failure is None else since
        facts = {"dependency": self.name, "since": rfc3339(since)}
        if failure is not None and self.state != before:
            log.warning("dependency away", extra={**facts, "reason": told(failure)})
        elif failure is None and before not in (OK, UNKNOWN):
            log.info("dependency back", extra=facts)
        UP.labels(self._room, self.name).set(failure is None)
        DOWN_SECONDS.labels(self._room, self.name).set(0 if failure is None else (now() - since).total_seconds())
        self._news()


def _pause(failures: int) -> float:
    if not failures:
        return WATCH_SECONDS
    # Bounded before it is computed: a dependency may be away for weeks.
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * float(2 ** min(failures, 10)))
