"""Clients: programs that act under mandates."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.admin.domain.secret import FormerSecret, KeptSecret
from shared.identity.caller import Mandate
from shared.identity.rights import Role

MANY = 200
"""Establishments that one client's mandates may name: the token has to fit an HTTP header (8 KB a line)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Roles for one establishment, or for every one (None)."""

    establishment: UUID | None
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class Client:
    """A client as admin knows it."""

    id: UUID
    name: str
    organisation: UUID | None
    state: str
    bootstrap: bool
    secret: KeptSecret
    created_at: datetime
    first_used_at: datetime | None
    grants: tuple[Grant, ...]
    former_secret: FormerSecret | None = None


def mandates_of(grants: tuple[Grant, ...]) -> tuple[Mandate, ...]:
    """Gather the establishments that have the same roles: the shortest form for a token."""
    gathered: dict[frozenset[Role], set[UUID] | None] = {}
    for grant in grants:
        roles = frozenset(grant.roles)
        known = gathered.setdefault(roles, set())
        if grant.establishment is None or known is None:
            gathered[roles] = None
        else:
            known.add(grant.establishment)
    return tuple(Mandate(roles, None if named is None else frozenset(named)) for roles, named in gathered.items())
