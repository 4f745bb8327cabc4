"""Archival profiles (*profils d'archivage*) as ingest knows them: which one judges a manifest, and which one did."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

from shared.profiles.kinds import Kind


@dataclass(frozen=True, slots=True)
class AppliedProfile:
    """The version of a profile by which a deposit was judged; `sha512` is that of its content."""

    identifier: str
    version: int
    kind: str
    sha512: str

    @property
    def name(self) -> str:
        """Return how people call it."""
        return f"{self.identifier} version {self.version}"


@dataclass(frozen=True, slots=True)
class ProfileReference:
    """One version of a profile that an agreement lists; `size` in bytes, of its content.

    `id` is the version's own, `profile` that of all its versions. `entry` names the document in which a ZIP begins.
    """

    id: UUID
    profile: UUID
    identifier: str
    version: int
    kind: Kind
    sha512: str
    size: int
    seda_versions: tuple[str, ...]
    entry: str | None = None

    @property
    def applied(self) -> AppliedProfile:
        """Return what is kept of it with the deposits that it has judged."""
        return AppliedProfile(self.identifier, self.version, self.kind.value, self.sha512)


@dataclass(frozen=True, slots=True)
class ListedProfiles:
    """The profiles of an agreement, whether it asks for one, and which of them are withdrawn (by `id`)."""

    profiles: tuple[ProfileReference, ...] = ()
    required: bool = False
    withdrawn: Collection[UUID] = ()


def reference_of(values: Mapping[str, Any]) -> ProfileReference:
    """Read a reference as messages carry it; what a newer admin added to it says nothing here."""
    known = {field.name: values[field.name] for field in fields(ProfileReference) if field.name in values}
    return ProfileReference(**known | {"kind": Kind(values["kind"]), "seda_versions": tuple(values["seda_versions"])})


def applied_to_json(applied: AppliedProfile | None) -> dict[str, Any] | None:
    """Write which profile was applied as JSON values."""
    return None if applied is None else asdict(applied)


def applied_of_json(values: Mapping[str, Any] | None) -> AppliedProfile | None:
    """Read it back."""
    return None if values is None else AppliedProfile(**values)


def profile_details(applied: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what a line says of the archival profile that a deposit was judged by, if it was by one."""
    if applied is None:
        return {}
    return {"profile": f"{applied['identifier']} {applied['version']}", "profile_sha512": applied["sha512"]}
