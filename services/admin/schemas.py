"""The bodies that callers send to admin, and what they get back."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.admin.domain.client import Client, mandates_of
from services.admin.domain.organisation import Kind, Organisation
from services.admin.domain.rule import Category
from services.admin.domain.secret import LONGEST_OVERLAP, OVERLAP
from shared.clock import now, rfc3339
from shared.days import Day
from shared.identity.caller import mandates_claim
from shared.identity.rights import Role
from shared.messages.admin import SchemaTolerance

Reference = Annotated[str, Field(min_length=1, max_length=128)]
# Strict: pydantic would read `true` as 1, and `false` as no overlap at all.
Limit = Annotated[int, Field(ge=1, le=2**62, strict=True)]
Agencies = Annotated[tuple[str, ...], Field(max_length=5000)]


class Body(BaseModel):
    """A body we read: a field we do not know is a mistake to be told, not to be passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NewEstablishment(Body):
    """An establishment to be created."""

    identifier: str
    name: str
    siret: str | None = None
    department: str | None = None


class NewOrganisation(NewEstablishment):
    """An organisation of any kind to be created."""

    kind: Kind


class OrganisationChange(Body):
    """What is to change of an organisation; what is not named stays."""

    name: str = ""
    siret: str | None = None
    department: str | None = None


class Terms(Body):
    """The terms of an agreement; the strict ones unless told otherwise."""

    name: str
    match_header: Literal["strict", "record"] = "strict"
    unknown_rules: Literal["reject", "warn"] = "reject"
    usages: Literal["strict", "lenient"] = "strict"
    decision: Literal["automatic", "archivist"] = "automatic"
    formats: Annotated[tuple[str, ...], Field(max_length=5000)] = ()
    max_bytes: Limit | None = None
    max_units: Limit | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None
    schema_tolerances: Annotated[tuple[SchemaTolerance, ...], Field(max_length=100)] = ()
    unidentified: Annotated[bool, Field(strict=True)] | None = None
    antivirus: Literal["yes", "no", "required"] = "yes"
    reply_codes: Literal["vitam", "numeric"] = "vitam"
    archival_agencies: Agencies = ()
    transferring_agencies: Agencies = ()
    originating_agencies: Agencies = ()
    submission_agencies: Agencies = ()
    quota_bytes: Limit | None = None
    sandbox: Annotated[bool, Field(strict=True)] = False
    signatures: Literal["ignore", "record", "warn", "reject"] = "ignore"
    message_signature: Literal["ignore", "record", "warn", "reject"] = "ignore"
    signatures_required: Annotated[bool, Field(strict=True)] = False
    message_signature_required: Annotated[bool, Field(strict=True)] = False
    decision_days: Annotated[int, Field(ge=1, le=365, strict=True)] | None = None


class NewAgreement(Terms):
    """An agreement to be made with an establishment, named by id or identifier."""

    establishment: Reference
    identifier: str


class AgreementChange(Terms):
    """What is to change of an agreement; what is not named stays."""

    name: str = ""
    state: Literal["active", "suspended"] = "active"


class MandateBody(Body):
    """Roles for an establishment: its id, its identifier, or ``*`` for all."""

    establishment: Reference
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]


class NewClientBody(Body):
    """A client to be created."""

    name: str
    organisation: Reference | None = None
    mandates: Annotated[tuple[MandateBody, ...], Field(max_length=2000)] = ()


class ClientChange(Body):
    """What is to change of a client."""

    state: Literal["active", "disabled"]


class SecretRotation(Body):
    """How a client's secret is to be replaced."""

    overlap_seconds: Annotated[int, Field(ge=0, le=int(LONGEST_OVERLAP.total_seconds()), strict=True)] = int(
        OVERLAP.total_seconds()
    )
    """How long the former secret works on; 0 for one that has leaked."""


class RuleBody(Body):
    """One code of the rule referential."""

    code: str
    category: Category
    duration: str
    final_action: str | None = None


class RulesBody(Body):
    """Rules to be added, or to take the place of those with the same code."""

    rules: Annotated[tuple[RuleBody, ...], Field(max_length=5000)]


def shown_organisation(organisation: Organisation) -> dict[str, Any]:
    """Return an organisation as callers see it."""
    return {
        "id": str(organisation.id),
        "version": organisation.version,
        "kind": organisation.kind,
        "identifier": organisation.identifier,
        "name": organisation.name,
        "siret": organisation.siret,
        "department": organisation.department,
    }


def shown_client(client: Client) -> dict[str, Any]:
    """Return a client as callers see it: without anything of its secret."""
    used, former = client.first_used_at, client.former_secret
    return {
        "client_id": str(client.id),
        "name": client.name,
        "organisation": None if client.organisation is None else str(client.organisation),
        "state": client.state,
        "mandates": mandates_claim(mandates_of(client.grants)),
        "created_at": rfc3339(client.created_at),
        "first_used_at": None if used is None else rfc3339(used),
        "former_secret_until": None if former is None or former.until <= now() else rfc3339(former.until),
    }
