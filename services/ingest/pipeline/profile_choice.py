"""Which archival profile judges a manifest: the one it names (ArchivalProfile), or the only one that is listed."""

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.profile import ListedProfiles, ProfileReference
from services.ingest.domain.sip import Header

_MOST_NAMED = 10


def chosen(listed: ListedProfiles, header: Header, place: str) -> tuple[ProfileReference | None, list[Finding]]:
    """Return the profile to be applied, if there is one, and what is found of the choice.

    An agreement that lists no profile says nothing of them, whatever the manifest names.
    """
    if not listed.profiles:
        return None, []
    named = (header.archival_profile or "").strip()
    known = ", ".join(one.identifier for one in listed.profiles[:_MOST_NAMED])
    if not named:
        if len(listed.profiles) > 1 or listed.required:
            weight = Severity.ERROR if listed.required else Severity.INFO
            return None, [found("PROFILE_MISSING", place, weight, known=known)]
        meant = listed.profiles[0]
    else:
        by_name = {one.identifier: one for one in listed.profiles}
        if named not in by_name:
            return None, [found("PROFILE_UNKNOWN", place, found=named[:200], known=known)]
        meant = by_name[named]
    unfit = _unfit(meant, listed, header, place)
    return (None, unfit) if unfit else (meant, [])


def _unfit(meant: ProfileReference, listed: ListedProfiles, header: Header, place: str) -> list[Finding]:
    which = {"profile": meant.identifier, "version": str(meant.version)}
    if meant.id in listed.withdrawn:
        return [found("PROFILE_WITHDRAWN", place, **which)]
    if header.seda_version not in meant.seda_versions:
        expected = ", ".join(meant.seda_versions)
        return [found("PROFILE_OTHER_SEDA", place, **which, found=header.seda_version, expected=expected)]
    return []
