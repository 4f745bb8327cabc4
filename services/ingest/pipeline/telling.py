"""Keep what is to be told of a deposit while it is found: a million faults of one kind are a few, and a number."""

from collections import Counter
from collections.abc import Iterable

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, Severity


class Telling:
    """At most `limit` findings of a code and severity, in their order; those beyond are counted as they come."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: list[Finding] = []
        self._counts: Counter[tuple[str, Severity]] = Counter()

    def take(self, findings: Iterable[Finding]) -> None:
        """Take more findings, one by one."""
        for finding in findings:
            key = (finding.code, finding.severity)
            self._counts[key] += 1
            if self._counts[key] <= self._limit:
                self._kept.append(finding)

    def told(self) -> tuple[Finding, ...]:
        """Return the findings kept, then how many more there were of each code."""
        omitted = (
            found("FINDINGS_OMITTED", "container", severity, code=code, count=str(count - self._limit))
            for (code, severity), count in self._counts.items()
            if count > self._limit
        )
        return (*self._kept, *omitted)
