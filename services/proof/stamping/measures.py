"""What is told of the authorities: what came of asking them, and for how long they are good."""

from datetime import datetime, timedelta

from prometheus_client import Counter, Gauge

from shared.clock import now

ASKED = Counter(
    "chartrier_time_stamps",
    "Requests for a time-stamp, by what came of them: stamped, away, refused or wrong",
    ("authority", "outcome"),
)
ANSWERS = Gauge(
    "chartrier_time_stamper_answers", "Whether an authority stamped when it was last asked (1, or 0)", ("authority",)
)
STAMPED_AT = Gauge(
    "chartrier_time_stamper_last_seconds", "When an authority last stamped (Unix time)", ("authority",)
)
ENDS = Gauge(
    "chartrier_time_stamper_certificate_ends_seconds",
    "When the first of the certificates of an authority's last token ends (Unix time)",
    ("authority",),
)
DRIFT = Gauge(
    "chartrier_clock_drift_seconds",
    "By how many seconds another clock is ahead of this host's: a time server's, or a time-stamping authority's",
    ("source",),
)


def stamped(authority: str, ends: datetime) -> None:
    """Note that an authority has stamped, and when its certificates end."""
    ASKED.labels(authority, "stamped").inc()
    ANSWERS.labels(authority).set(1)
    STAMPED_AT.labels(authority).set(now().timestamp())
    ENDS.labels(authority).set(ends.timestamp())


def failed(authority: str, outcome: str) -> None:
    """Note that an authority did not stamp."""
    ASKED.labels(authority, outcome).inc()
    ANSWERS.labels(authority).set(0)


def show_drift(source: str, drift: timedelta) -> None:
    """Note by how much another clock is ahead."""
    DRIFT.labels(source).set(drift.total_seconds())
