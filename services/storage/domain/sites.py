"""The sites an archive stands on, and the rule that two disasters are needed to lose it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.object_store.port import LockMode, Retention


class SiteKind(StrEnum):
    """What keeps the bytes."""

    FILESYSTEM = "filesystem"
    S3 = "s3"


@dataclass(frozen=True, slots=True)
class Site:
    """One declared place where a copy of everything stands.

    `location` is its folder or bucket, without any secret. `lock` is None where nothing but our own restraint
    protects the bytes.
    """

    name: str
    kind: SiteKind
    place: str
    location: str
    lock: LockMode | None = None


class SiteState(StrEnum):
    """What becomes of a site: it is filled, takes part, and leaves when the others hold all."""

    FILLING = "filling"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"


class UnsafeSitesError(Exception):
    """These sites cannot carry an archive; the text names every reason, for the operator."""


def require_safe_sites(sites: Sequence[Site]) -> None:
    """Refuse fewer than two sites on distinct places, and whatever would make two sites one.

    Source: two copies at least, on geographically distant sites (code de procédure pénale, article A53-6).
    """
    reasons = [
        *(f"the name {name!r} is given twice" for name in _twice(sites, lambda site: site.name)),
        *(f"two sites keep their bytes in {location}" for location in _twice(sites, lambda site: site.location)),
        *(f"{site.name}: a folder cannot lock its objects" for site in sites if _cannot_lock(site)),
        *(f"{site.name}: its place is not declared" for site in sites if not site.place.strip()),
        *_too_few(sites),
    ]
    if reasons:
        raise UnsafeSitesError("; ".join(reasons))


def _twice(sites: Sequence[Site], said: Callable[[Site], str]) -> list[str]:
    return [value for value, count in Counter(map(said, sites)).items() if count > 1]


def _cannot_lock(site: Site) -> bool:
    return site.kind is SiteKind.FILESYSTEM and site.lock is not None


def place_of(site: Site) -> str:
    """Return the place as it is compared: a slip of the pen ("rennes ") must not pass for a second building."""
    return " ".join(site.place.split()).casefold()


def _too_few(sites: Sequence[Site]) -> list[str]:
    places = {place_of(site) for site in sites} - {""}
    if len(places) >= 2:
        return []
    return [f"at least two sites on distinct places are needed; declared: {len(sites)} on {len(places)}"]


def retention_of(site: Site, at: datetime, window: timedelta) -> Retention | None:
    """Say until when a copy written or audited now is locked; None on a site without locks."""
    if site.lock is None:
        return None
    return Retention(site.lock, (at + window).replace(microsecond=0))
