"""From the bytes of a profile to what judges by it, in one call."""

from dataclasses import dataclass

from shared.profiles.bundle import Bundle, unbundled
from shared.profiles.documents import seda_versions
from shared.profiles.kinds import Kind


@dataclass(frozen=True, slots=True)
class ReadProfile:
    """The documents of a profile, and the versions of SEDA that it is for."""

    bundle: Bundle
    seda_versions: tuple[str, ...]


def read_profile(content: bytes, kind: Kind, entry: str | None, limit: int) -> ReadProfile:
    """Read a profile of at most `limit` bytes once expanded, and look at it. Raises `ProfileFault`."""
    bundle = unbundled(content, entry, limit)
    return ReadProfile(bundle, seda_versions(bundle, kind))
