"""What audits decide: verdicts, rests, and whether every copy will have been read in time."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from services.storage.domain.audits import Pace, Verdict, judge
from services.storage.domain.forecasts import Age, progress
from services.storage.settings import SiteSettings, StorageSettings
from shared.checksums import Measure

NOW = datetime(2026, 11, 26, tzinfo=UTC)
PERIOD = timedelta(days=90)
DAY = 86400.0


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Measure("a", 10), Verdict.WHOLE),
        (Measure("b", 10), Verdict.MISMATCH),
        (Measure("b", 11), Verdict.MISMATCH),
        (Measure("b", 9), Verdict.CUT),
        (Measure("a", 9), Verdict.CUT),
        (None, Verdict.MISSING),
    ],
)
def test_a_copy_is_judged_by_all_that_was_read(found: Measure | None, verdict: Verdict) -> None:
    assert judge(Measure("a", 10), found) is verdict
    assert verdict.is_loss is (verdict is not Verdict.WHOLE)


def test_what_is_unknown_is_no_loss() -> None:
    assert not Verdict.UNKNOWN.is_loss


@pytest.mark.parametrize(("share", "rest"), [(0.2, 4.0), (0.5, 1.0), (1.0, 0.0)])
def test_rest_is_to_reading_as_the_share_asks(share: float, rest: float) -> None:
    assert Pace(share).read(1.0) == pytest.approx(rest)


def test_short_rests_add_up_until_they_are_worth_it() -> None:
    pace = Pace(0.5, least=0.05)

    owed = [pace.read(0.02) for _ in range(3)]
    assert owed == [0, 0, pytest.approx(0.06)]
    pace.rested()
    assert pace.read(0.02) == 0


def an_age(days: float, size: int = 1000, *, due: int = 0, late: int = 0) -> Age:
    return Age(NOW - timedelta(days=days), 10, size, due, late)


def test_an_empty_site_has_nothing_to_tell() -> None:
    found = progress([], PERIOD, None, NOW)

    assert (found.copies, found.oldest, found.caught_up_at, found.missed_from) == (0, None, None, None)


def test_the_days_of_a_site_add_up() -> None:
    found = progress([an_age(100, due=10, late=4), an_age(45, due=5), an_age(1)], PERIOD, 10.0, NOW)

    assert (found.copies, found.bytes, found.within, found.due, found.late) == (30, 3000, 26, 15, 4)
    assert (found.due_bytes, found.oldest) == (1500, NOW - timedelta(days=100))
    assert found.caught_up_at == NOW + timedelta(seconds=150)
    assert found.missed_from == NOW - timedelta(days=10)


def test_no_speed_no_forecast() -> None:
    found = progress([an_age(60, due=10)], PERIOD, None, NOW)

    assert (found.caught_up_at, found.missed_from) == (None, None)


@pytest.mark.parametrize(
    ("days_of_reading", "missed"),
    # 60 days old: due for 15 days already, 30 are left, and its last copy of that day has one more.
    [(29, False), (32, True)],
)
def test_it_is_foreseen_that_what_is_due_takes_too_long(days_of_reading: float, *, missed: bool) -> None:
    speed = 1_000_000 / (days_of_reading * DAY)

    found = progress([an_age(60, 1_000_000, due=10)], PERIOD, speed, NOW)

    assert (found.missed_from is not None) is missed
    assert found.missed_from in (None, NOW + timedelta(days=30))


@pytest.mark.parametrize(("days_of_reading", "missed"), [(44, False), (47, True)])
def test_what_comes_due_later_is_read_only_then(days_of_reading: float, *, missed: bool) -> None:
    # All of today: free for 45 days, and 45 to read it in, however long it is until then.
    speed = 1_000_000 / (days_of_reading * DAY)

    assert (progress([an_age(0, 1_000_000)], PERIOD, speed, NOW).missed_from is not None) is missed


def test_what_is_before_it_in_the_queue_counts() -> None:
    # Each alone would be read in time; both together are not.
    ages = [an_age(60, 1_000_000, due=10), an_age(58, 1_000_000, due=10)]
    speed = 1_000_000 / (20 * DAY)

    assert progress(ages[1:], PERIOD, speed, NOW).missed_from is None
    assert progress(ages, PERIOD, speed, NOW).missed_from == NOW + timedelta(days=32)


SITES = tuple(SiteSettings(name=name, kind="filesystem", place=name, path=f"/{name}") for name in "ab")


@pytest.mark.parametrize(("retention", "period", "fits"), [(180, 90, True), (179, 90, False), (2, 1, True)])
def test_locks_outlast_two_periods(retention: int, period: int, *, fits: bool) -> None:
    values = {"sites": SITES, "staging_url": "file:///x", "retention_days": retention, "audit_period_days": period}
    if fits:
        StorageSettings.model_validate(values)
        return
    with pytest.raises(ValidationError, match="half of CHARTRIER_RETENTION_DAYS"):
        StorageSettings.model_validate(values)
