"""Create and change organisations; every room that keeps a projection hears the new state."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.admin.domain import faults
from services.admin.domain.organisation import Organisation
from services.admin.handlers.journal import event
from services.admin.problems import duplicate, everywhere_only, refuse, version_conflict
from services.admin.queries import organisations
from shared.identity.caller import Caller, Scope
from shared.identity.rights import Permission
from shared.messages.admin import OrganisationChangedV1
from shared.messaging.transaction import Transaction
from shared.problems import not_found


async def create(tx: Transaction, caller: Caller, new: Organisation) -> Organisation:
    """Create an organisation. Raises a `Problem`: 403, 409 for a taken identifier, 422 for faults."""
    if caller.scope(Permission.ORGANISATION_MANAGE).establishments is not None:
        raise everywhere_only()
    _check(new)
    await enter(tx, caller.subject, new)
    return new


async def enter(tx: Transaction, actor: str, new: Organisation) -> None:
    """Write a new organisation, journal and tell it. Raises 409 for a taken identifier."""
    if not await organisations.add(tx.connection, new):
        raise duplicate(new.identifier)
    _tell(tx, actor, "organisation.created", new)


async def change(
    tx: Transaction, caller: Caller, reference: str, expected: int | None, values: Mapping[str, Any]
) -> Organisation:
    """Change some values of an organisation; the same values again change nothing.

    Raises a `Problem`: 404, 412 when `expected` is not the current version, 422 for faults.
    """
    current = await _locked(tx, caller.scope(Permission.ORGANISATION_MANAGE), reference)
    if expected is not None and expected != current.version:
        raise version_conflict(current.version)
    changed = replace(current, **values)
    if changed == current:
        return current
    changed = replace(changed, version=current.version + 1)
    _check(changed)
    await organisations.change(tx.connection, changed)
    _tell(tx, caller.subject, "organisation.changed", changed)
    return changed


async def _locked(tx: Transaction, scope: Scope, reference: str) -> Organisation:
    found = await organisations.find(tx.connection, scope, reference, locked=True)
    if found is None:
        raise not_found()
    return found


def _check(organisation: Organisation) -> None:
    refuse(
        faults.found(
            (
                faults.identifier_fault(organisation.identifier),
                faults.name_fault(organisation.name),
                faults.siret_fault(organisation.siret),
                faults.department_fault(organisation.department),
            )
        )
    )


def _tell(tx: Transaction, actor: str, action: str, organisation: Organisation) -> None:
    tx.post(
        OrganisationChangedV1(
            organisation=organisation.id,
            version=organisation.version,
            kind=organisation.kind,
            identifier=organisation.identifier,
            name=organisation.name,
            siret=organisation.siret,
            department=organisation.department,
        )
    )
    establishment = organisation.id if organisation.kind == "establishment" else None
    details: dict[str, str | int] = {"kind": organisation.kind, "version": organisation.version}
    tx.journal(event(action, actor, f"organisation:{organisation.id}", establishment, details))
