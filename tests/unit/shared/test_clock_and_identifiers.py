"""Times are UTC and have one text form; identifiers sort by time of birth."""

from datetime import UTC, datetime, timedelta, timezone

from shared.clock import now, rfc3339
from shared.identifiers import new_id


def test_now_is_aware_and_in_utc() -> None:
    assert now().utcoffset() == timedelta(0)


def test_an_instant_is_written_in_utc_to_the_millisecond_wherever_it_was_taken() -> None:
    paris = timezone(timedelta(hours=2))

    assert rfc3339(datetime(2026, 7, 1, 10, 30, 0, 999999, paris)) == "2026-07-01T08:30:00.999Z"
    assert rfc3339(datetime(2026, 7, 1, tzinfo=UTC)) == "2026-07-01T00:00:00.000Z"


def test_identifiers_are_uuid_version_7_unique_and_in_the_order_of_their_birth() -> None:
    born = [new_id() for _ in range(2000)]

    assert born == sorted(set(born))
    assert {(identifier.version, identifier.variant) for identifier in born} == {(7, "specified in RFC 4122")}
