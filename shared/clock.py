"""The time of day, always UTC and aware, and its one text form."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current instant, in UTC."""
    return datetime.now(UTC)


def rfc3339(instant: datetime) -> str:
    """Write an instant as RFC 3339 in UTC with milliseconds: ``2026-11-23T06:03:55.120Z``."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_the_millisecond(instant: datetime) -> datetime:
    """Leave out of an instant what its text form does not say."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
