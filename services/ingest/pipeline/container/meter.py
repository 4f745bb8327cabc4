"""Count what one pass over a container has cost so far, and stop it when it is too much."""

from services.ingest.domain.limits import Limits
from services.ingest.pipeline.container.faults import too_dense, too_large, too_many


class Meter:
    """Counts entries and expanded bytes of one pass; raises `ContainerFault` at the first bound passed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._entries = 0

    def entry(self) -> None:
        """Count one more entry."""
        self._entries += 1
        if self._entries > self._limits.max_files:
            raise too_many(self._limits.max_files)

    def expanded(self, out: int, taken: int) -> None:
        """Judge `out` bytes expanded from `taken` bytes received, both since the beginning."""
        if out > self._limits.max_expanded_bytes:
            raise too_large(self._limits.max_expanded_bytes)
        if out > self._limits.ratio_floor and out > self._limits.max_ratio * max(taken, 1):
            raise too_dense(self._limits.max_ratio)
