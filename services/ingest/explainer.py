"""Have the refusals of the grammar explained in a child process of its own, which is killed if it takes too long.

The verdict is libxml2's and stands before anything is asked here; whatever goes wrong here, its texts stay.
"""

import logging
import resource
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from services.ingest.adapters.children import Children
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import MIB
from services.ingest.domain.suspects import Suspect
from services.ingest.pipeline.explaining.explain import explain
from services.ingest.pipeline.explaining.grammar import transfer_element
from services.ingest.pipeline.schema import use_official
from shared.telling import told

EXPLAIN_SECONDS: Final = 5.0
"""How long the refusals of one manifest may take to be explained."""

SOONER: Final = 0.8
"""After which part of its time the child leaves what is not explained yet; it is killed when all is over."""

EXPLAIN_BYTES: Final = 64 * MIB
"""What explaining may take beside the room's own code, which each of its children loads (140 MB): 200 MiB in all."""

LOAD_SECONDS: Final = 60.0
"""How long a grammar may take to be read, once a child and version: a matter of the machine, not of the manifest."""

log = logging.getLogger(__name__)


class Explainer:
    """One child process, begun by `prepare` when the first refusal is there; it keeps the grammars it has read."""

    def __init__(self, child: Children, seconds: float = EXPLAIN_SECONDS) -> None:
        self._child = child
        self._seconds = seconds

    async def explained(self, findings: Sequence[Finding], suspects: Sequence[Suspect]) -> tuple[Finding, ...]:
        """Return `findings`, those of `suspects` with better texts where there are any. Never raises for them."""
        if not suspects:
            return tuple(findings)
        known = [suspect.finding for suspect in suspects]
        try:
            for version in {suspect.version for suspect in suspects}:
                await self._child.call(load, version, seconds=lambda: LOAD_SECONDS)
            sooner = SOONER * self._seconds
            better, failures = await self._child.call(explain, suspects, sooner, seconds=lambda: self._seconds)
        except Exception as error:  # noqa: BLE001 (a better text is worth no verdict)
            better, failures = known, [told(error)]
        for failure in failures:
            log.warning("a refusal stays as libxml2 tells it", extra={"reason": failure})
        return tuple(_in_place(findings, known, better))

    async def close(self) -> None:
        """End the child."""
        await self._child.close()


def prepare(official: Path | None) -> None:
    """Bound the memory of this process, and have it explain by the grammars that judge."""
    if sys.platform == "linux":
        # Data, and not addresses: of these every thread reserves more than it will ever use.
        most = _data_bytes() + EXPLAIN_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    use_official(official)


def _data_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[5]
    return int(pages) * resource.getpagesize()


def load(version: str) -> None:
    """Read a grammar, if this process has not yet."""
    transfer_element(version)


def _in_place(findings: Sequence[Finding], known: Sequence[Finding], better: Sequence[Finding]) -> Iterator[Finding]:
    """Give findings in their order, each better one in place of what it explains.

    libxml2 may say two things of one fault (a facet, then the type): once they are explained alike, one is told.
    """
    waiting, given = deque(zip(known, better, strict=True)), []
    for finding in findings:
        if not waiting or finding != waiting[0][0]:
            yield finding
            continue
        _, best = waiting.popleft()
        if best not in given:
            given.append(best)
            yield best
