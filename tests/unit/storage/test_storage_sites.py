"""Which sites can carry an archive."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.storage.domain.sites import Site, SiteKind, UnsafeSitesError, require_safe_sites, retention_of
from shared.object_store.port import LockMode, Retention

RENNES = Site("site-a", SiteKind.FILESYSTEM, "Rennes", "file:///srv/a")
BREST = Site("site-b", SiteKind.S3, "Brest", "s3://s3.example.org/b", LockMode.GOVERNANCE)


def test_two_sites_on_two_places_are_enough() -> None:
    require_safe_sites([RENNES, BREST])


@pytest.mark.parametrize("sites", [[], [RENNES]])
def test_fewer_than_two_sites_are_refused(sites: list[Site]) -> None:
    with pytest.raises(UnsafeSitesError, match="at least two sites on distinct places"):
        require_safe_sites(sites)


@pytest.mark.parametrize("place", ["Rennes", " rennes", "RENNES  "])
def test_two_sites_on_one_place_are_refused(place: str) -> None:
    with pytest.raises(UnsafeSitesError, match="declared: 2 on 1"):
        require_safe_sites([RENNES, replace(BREST, place=place)])


def test_every_reason_is_given_at_once() -> None:
    twin = replace(RENNES, place=" ", lock=LockMode.COMPLIANCE)

    with pytest.raises(UnsafeSitesError) as refusal:
        require_safe_sites([RENNES, twin])

    text = str(refusal.value)
    assert "the name 'site-a' is given twice" in text
    assert "two sites keep their bytes in file:///srv/a" in text
    assert "a folder cannot lock its objects" in text
    assert "its place is not declared" in text


def test_an_undeclared_place_is_not_a_second_place() -> None:
    with pytest.raises(UnsafeSitesError, match="at least two sites on distinct places"):
        require_safe_sites([RENNES, replace(BREST, place="")])


def test_a_locked_site_locks_for_the_window_and_another_not_at_all() -> None:
    at = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)

    assert retention_of(RENNES, at, timedelta(days=180)) is None
    assert retention_of(BREST, at, timedelta(days=180)) == Retention(
        LockMode.GOVERNANCE, datetime(2026, 6, 30, 12, tzinfo=UTC)
    )
