"""Who may give which role: whoever manages clients hands out nothing above what they hold."""

from collections.abc import Iterable
from uuid import UUID

from services.admin.domain.client import Grant
from shared.identity.caller import Mandate
from shared.identity.rights import Role

ABOVE: frozenset[Role] = frozenset({Role.ADMINISTRATOR, Role.SECURITY_OFFICER})
"""Roles that manage clients themselves: only an administrator makes another holder of one."""

GRANTABLE: dict[Role, frozenset[Role]] = {
    Role.ADMINISTRATOR: frozenset(Role),
    Role.SECURITY_OFFICER: frozenset(Role) - ABOVE,
}
"""Role held → roles that its holder may give; a role that is not here gives none."""


def beyond(mandates: Iterable[Mandate], grants: Iterable[Grant]) -> tuple[Role, ...]:
    """Return the roles among `grants` that the holder of `mandates` may not give where they are to hold."""
    held = tuple(mandates)
    refused = {role for grant in grants for role in set(grant.roles) - _grantable(held, grant.establishment)}
    return tuple(sorted(refused))


def _grantable(held: tuple[Mandate, ...], establishment: UUID | None) -> frozenset[Role]:
    there = [mandate for mandate in held if _covers(mandate, establishment)]
    roles = frozenset[Role]().union(*(mandate.roles for mandate in there))
    return frozenset[Role]().union(*(GRANTABLE.get(role, frozenset()) for role in roles))


def _covers(mandate: Mandate, establishment: UUID | None) -> bool:
    return mandate.establishments is None or establishment in mandate.establishments
