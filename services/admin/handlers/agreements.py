"""Publish agreements: every change is a new version, and the ones before stay."""

from collections.abc import Mapping
from typing import Any

from services.admin.domain import faults
from services.admin.handlers.journal import event
from services.admin.problems import duplicate, refuse, unknown_establishment, version_conflict
from services.admin.queries import agreements, organisations
from shared.identifiers import new_id
from shared.identity.caller import Caller
from shared.identity.rights import Permission
from shared.messages.admin import AgreementPublishedV1, AgreementV1
from shared.messaging.transaction import Transaction
from shared.problems import not_found


async def create(tx: Transaction, caller: Caller, establishment: str, terms: Mapping[str, Any]) -> AgreementV1:
    """Publish the first version of an agreement with an establishment (its id or identifier).

    Raises a `Problem`: 404 for the establishment, 409 for a taken identifier, 422 for faults.
    """
    scope = caller.scope(Permission.AGREEMENT_MANAGE)
    found = await organisations.find(tx.connection, scope, establishment, "establishment")
    if found is None:
        raise unknown_establishment([establishment])
    new = AgreementV1(
        id=new_id(),
        version=1,
        state="active",
        establishment=found.id,
        establishment_identifier=found.identifier,
        **terms,
    )
    _check(new)
    if not await agreements.add(tx.connection, new, caller.subject):
        raise duplicate(new.identifier)
    _tell(tx, caller.subject, new)
    return new


async def change(
    tx: Transaction, caller: Caller, reference: str, expected: int | None, terms: Mapping[str, Any]
) -> AgreementV1:
    """Publish a further version with these terms changed; the same terms again change nothing.

    Raises a `Problem`: 404, 412 when `expected` is not the current version, 422 for faults.
    """
    scope = caller.scope(Permission.AGREEMENT_MANAGE)
    current = await agreements.find(tx.connection, scope, reference, locked=True)
    if current is None:
        raise not_found()
    if expected is not None and expected != current.version:
        raise version_conflict(current.version)
    changed = current.model_copy(update=dict(terms))
    if changed == current:
        return current
    changed = changed.model_copy(update={"version": current.version + 1})
    _check(changed)
    await agreements.publish(tx.connection, changed, caller.subject)
    _tell(tx, caller.subject, changed)
    return changed


def _check(terms: AgreementV1) -> None:
    simple = (
        faults.identifier_fault(terms.identifier),
        faults.name_fault(terms.name),
        faults.dates_fault(terms.valid_from, terms.valid_to),
        faults.required_fault("signatures", terms.signatures, required=terms.signatures_required),
        faults.required_fault(
            "message_signature", terms.message_signature, required=terms.message_signature_required
        ),
    )
    refuse(
        faults.found(simple)
        + faults.formats_faults(terms.formats)
        + faults.tolerances_faults(terms.schema_tolerances)
        + faults.agencies_faults("archival_agencies", terms.archival_agencies)
        + faults.agencies_faults("transferring_agencies", terms.transferring_agencies)
        + faults.agencies_faults("originating_agencies", terms.originating_agencies)
        + faults.agencies_faults("submission_agencies", terms.submission_agencies)
    )


def _tell(tx: Transaction, actor: str, agreement: AgreementV1) -> None:
    tx.post(AgreementPublishedV1(agreement=agreement))
    details: dict[str, str | int] = {"version": agreement.version, "state": agreement.state}
    about = f"agreement:{agreement.id}"
    tx.journal(event("agreement.published", actor, about, agreement.establishment, details))
