"""Have the refusals of the grammar explained in a child process of its own, which is killed if it takes too long.

The verdict is libxml2's and stands before anything is asked here; whatever goes wrong here, its texts stay.
"""

import logging
import resource
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from services.ingest.adapters.children import Children
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import MIB
from services.ingest.domain.suspects import Suspect
from services.ingest.pipeline.explaining.explain import explain
from services.ingest.pipeline.explaining.grammar import transfer_element
from services.ingest.pipeline.schema import use_official

EXPLAIN_SECONDS: Final = 5.0
"""How long the refusals of one manifest may take to be explained."""

EXPLAIN_BYTES: Final = 200 * MIB
"""What the child may hold. Its data, not its addresses: every thread reserves more of these than it will ever use."""

LOAD_SECONDS: Final = 60.0
"""How long a grammar may take to be read, once a child and version: a matter of the machine, not of the manifest."""

log = logging.getLogger(__name__)


class Explainer:
    """One child process, started by the first refusal there is; it keeps the grammars it has read."""

    def __init__(self, official: Path | None, seconds: float = EXPLAIN_SECONDS) -> None:
        self._children = Children(1, partial(prepare, official))
        self._seconds = seconds

    async def explained(self, findings: Sequence[Finding], suspects: Sequence[Suspect]) -> tuple[Finding, ...]:
        """Return `findings`, those of `suspects` with better texts where there are any. Never raises for them."""
        if not suspects:
            return tuple(findings)
        try:
            for version in {suspect.version for suspect in suspects}:
                await self._children.call(load, version, seconds=lambda: LOAD_SECONDS)
            better = await self._children.call(explain, suspects, seconds=lambda: self._seconds)
        except Exception as error:  # noqa: BLE001 (a better text is worth no verdict)
            log.warning("a refusal stays as libxml2 tells it", extra={"error": repr(error)})
            return tuple(findings)
        return tuple(_in_place(findings, [suspect.finding for suspect in suspects], better))

    async def close(self) -> None:
        """End the child."""
        await self._children.close()


def prepare(official: Path | None) -> None:
    """Bound the memory of this process, and have it explain by the grammars that judge."""
    resource.setrlimit(resource.RLIMIT_DATA, (EXPLAIN_BYTES, EXPLAIN_BYTES))
    use_official(official)


def load(version: str) -> None:
    """Read a grammar, if this process has not yet."""
    transfer_element(version)


def _in_place(findings: Sequence[Finding], known: Sequence[Finding], better: Sequence[Finding]) -> Iterator[Finding]:
    """Give findings in their order, each better one in place of what it explains.

    libxml2 may say two things of one fault (a facet, then the type): once they are explained alike, one is told.
    """
    waiting, told = deque(zip(known, better, strict=True)), []
    for finding in findings:
        if not waiting or finding != waiting[0][0]:
            yield finding
            continue
        _, best = waiting.popleft()
        if best not in told:
            told.append(best)
            yield best
