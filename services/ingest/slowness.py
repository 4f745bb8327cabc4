"""A check that takes longer than it may: tried again twice, then told to the depositor.

A slow machine is a failure of the world, a package that asks for hours of work is not; one time-out does not tell
them apart. Counted are those under the limit as it is now: whoever changes it has them counted anew.
"""

from collections.abc import Mapping
from typing import Any, Final

from services.ingest.domain.finding_texts import found
from services.ingest.domain.records import header_of_json
from services.ingest.pipeline.container.faults import CONTAINER
from services.ingest.tasks import Checked
from shared.messaging.lease import Lease
from shared.messaging.outcome import TryAgain

MOST_TIMES: Final = 3
"""Time-outs of one transfer's check after which it is refused."""


class TooSlow(TryAgain):
    """A step took longer than it may."""


def times_too_slow(held: Lease, seconds: int) -> int:
    """Return how often this work has taken longer than `seconds` before."""
    before = held.payload.get("too_slow", {})
    return int(before["times"]) if before.get("seconds") == seconds else 0


def noted(times: int, seconds: int) -> dict[str, Any]:
    """Return what the work is to remember."""
    return {"too_slow": {"times": times, "seconds": seconds}}


def found_too_slow(header: Mapping[str, Any] | None, seconds: int) -> Checked:
    """Return the verdict on a package whose checks were given up, with its header if that was read."""
    finding = found("CONTAINER_TOO_SLOW", CONTAINER, limit=str(seconds), times=str(MOST_TIMES))
    return Checked((finding,), None if header is None else header_of_json(header), None, {}, {})
