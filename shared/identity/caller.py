"""The caller as a verified token describes it, and the scope its mandates give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.identity.rights import RIGHTS, ROOM_RIGHTS, Permission, Role


@dataclass(frozen=True, slots=True)
class Mandate:
    """Roles held for some establishments; `establishments` is None for all of them."""

    roles: frozenset[Role]
    establishments: frozenset[UUID] | None

    def grants(self, permission: Permission) -> bool:
        """Say whether one of the roles holds the permission."""
        return any(permission in RIGHTS[role] for role in self.roles)


@dataclass(frozen=True, slots=True)
class Scope:
    """The establishments somebody may act on; None stands for every one."""

    establishments: frozenset[UUID] | None

    def __contains__(self, establishment: UUID) -> bool:
        """Say whether the establishment is within the scope."""
        return self.establishments is None or establishment in self.establishments

    def __bool__(self) -> bool:
        """Say whether anything at all is within the scope."""
        return self.establishments is None or len(self.establishments) > 0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `token` is the bearer token itself, to be shown to another room on their behalf."""

    subject: str
    mandates: tuple[Mandate, ...]
    token: str
    internal: bool = False

    def scope(self, permission: Permission) -> Scope:
        """Return where the caller holds a permission; rooms hold theirs everywhere, and no other."""
        if self.internal:
            return Scope(None if permission in ROOM_RIGHTS else frozenset())
        granting = [mandate for mandate in self.mandates if mandate.grants(permission)]
        if any(mandate.establishments is None for mandate in granting):
            return Scope(None)
        return Scope(frozenset().union(*(mandate.establishments or () for mandate in granting)))


def mandates_claim(mandates: tuple[Mandate, ...]) -> list[dict[str, Any]]:
    """Write mandates as the ``mandates`` claim of a token."""
    return [
        {
            "roles": sorted(mandate.roles),
            "establishments": "*"
            if mandate.establishments is None
            else sorted(str(establishment) for establishment in mandate.establishments),
        }
        for mandate in mandates
    ]


def mandates_of(claims: Mapping[str, Any]) -> tuple[Mandate, ...]:
    """Read the ``mandates`` claim; raises ValueError or KeyError when it is not of our making."""
    return tuple(
        Mandate(
            frozenset(Role(role) for role in mandate["roles"]),
            None
            if mandate["establishments"] == "*"
            else frozenset(UUID(establishment) for establishment in mandate["establishments"]),
        )
        for mandate in claims.get("mandates", ())
    )
