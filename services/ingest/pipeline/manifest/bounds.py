"""The bounds of a manifest that are counted while it is read."""

from collections import Counter

from services.ingest.domain.limits import Limits


class BeyondLimit(ValueError):
    """There is more in the manifest than `limit`, a field of `Limits`, allows."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


class Bounds:
    """Counts what is kept of one manifest."""

    def __init__(self, limits: Limits) -> None:
        self._most = {name: getattr(limits, name) for name in ("max_units", "max_objects", "max_links", "max_rules")}
        self._counts: Counter[str] = Counter()
        self.depth = limits.max_manifest_depth
        self.attributes = limits.max_attributes

    def count(self, limit: str, number: int = 1) -> None:
        """Count `number` more things that are under `limit`. Raises `BeyondLimit`."""
        self._counts[limit] += number
        if self._counts[limit] > self._most[limit]:
            raise BeyondLimit(limit)
