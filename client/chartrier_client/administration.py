"""What an administrator prepares before a first deposit: an establishment, its agreement, its clients."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from chartrier_client.answers import text
from chartrier_client.description import RuleCategory
from chartrier_client.http import Client


@dataclass(frozen=True, slots=True)
class AgreementTerms:
    """What is agreed with an establishment about its deposits; no formats means any format."""

    establishment: str
    identifier: str
    name: str
    match_header: Literal["strict", "record"] = "strict"
    unknown_rules: Literal["reject", "warn"] = "reject"
    usages: Literal["strict", "lenient"] = "strict"
    decision: Literal["automatic", "archivist"] = "automatic"
    formats: tuple[str, ...] = ()
    max_bytes: int | None = None
    max_units: int | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    reply_codes: Literal["vitam", "numeric"] | None = None
    """The vocabulary of ReplyCode; the archive's own choice when not given."""
    schema_tolerances: tuple[str, ...] = ()
    """What is forgiven of SEDA's grammar, by the archive's names."""
    unidentified: bool | None = None
    """Whether files of unknown format are taken; where not given, only if any format is."""
    antivirus: Literal["yes", "no", "required"] | None = None
    """Whether files are shown to the antivirus; the archive's own choice when not given."""
    archival_agencies: tuple[str, ...] = ()
    transferring_agencies: tuple[str, ...] = ()
    originating_agencies: tuple[str, ...] = ()
    submission_agencies: tuple[str, ...] = ()
    """Agencies that a manifest may name in each role, by identifier; nothing is asked of a role that has none."""
    quota_bytes: int | None = None
    decision_days: int | None = None
    """How many bytes of files are taken in all."""
    sandbox: bool = False
    """Whether everything deposited is judged and answered, and nothing kept."""
    signatures: Literal["ignore", "record", "warn", "reject"] | None = None
    """What becomes of electronic signatures in files; the archive's own choice (nobody looks) when not given."""
    message_signature: Literal["ignore", "record", "warn", "reject"] | None = None
    """The same of the manifest's own signature."""
    signatures_required: bool | None = None
    message_signature_required: bool | None = None
    """Whether a missing signature counts as one that is not valid."""


@dataclass(frozen=True, slots=True)
class RuleCode:
    """One code of the rule referential; `duration` as ``P10Y``, ``P6M``… or ``unlimited``."""

    code: str
    category: RuleCategory
    duration: str
    final_action: str | None = None


@dataclass(frozen=True, slots=True)
class Mandate:
    """What a client may do for an establishment: roles such as "depositor" or "reader"."""

    establishment: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client just created; the archive shows the secret this once."""

    client_id: str
    client_secret: str = field(repr=False)


def create_establishment(
    client: Client, identifier: str, name: str, *, siret: str | None = None, department: str | None = None
) -> str:
    """Create an establishment and return its identifier in the archive."""
    body = {"identifier": identifier, "name": name, "siret": siret, "department": department}
    return text(client.post("/admin/v1/establishments", _given(body)), "id")


def publish_rules(client: Client, rules: Iterable[RuleCode]) -> None:
    """Add codes to the rule referential; those already there with the same form stay as they are."""
    body = {
        "rules": [
            _given(
                {
                    "code": rule.code,
                    "category": rule.category.value,
                    "duration": rule.duration,
                    "final_action": rule.final_action,
                }
            )
            for rule in rules
        ]
    }
    client.put("/admin/v1/rules", body)


def create_agreement(client: Client, terms: AgreementTerms) -> str:
    """Create an agreement and return its identifier in the archive."""
    body = {
        "establishment": terms.establishment,
        "identifier": terms.identifier,
        "name": terms.name,
        "match_header": terms.match_header,
        "unknown_rules": terms.unknown_rules,
        "usages": terms.usages,
        "decision": terms.decision,
        "formats": list(terms.formats),
        "max_bytes": terms.max_bytes,
        "max_units": terms.max_units,
        "valid_from": terms.valid_from and terms.valid_from.isoformat(),
        "valid_to": terms.valid_to and terms.valid_to.isoformat(),
        "reply_codes": terms.reply_codes,
        "schema_tolerances": list(terms.schema_tolerances) or None,
        "unidentified": terms.unidentified,
        "antivirus": terms.antivirus,
        "archival_agencies": list(terms.archival_agencies) or None,
        "transferring_agencies": list(terms.transferring_agencies) or None,
        "originating_agencies": list(terms.originating_agencies) or None,
        "submission_agencies": list(terms.submission_agencies) or None,
        "quota_bytes": terms.quota_bytes,
        "sandbox": terms.sandbox or None,
        "signatures": terms.signatures,
        "message_signature": terms.message_signature,
        "signatures_required": terms.signatures_required,
        "message_signature_required": terms.message_signature_required,
        "decision_days": terms.decision_days,
    }
    return text(client.post("/admin/v1/agreements", _given(body)), "id")


def create_client(
    client: Client, name: str, mandates: Iterable[Mandate], *, organisation: str | None = None
) -> NewClient:
    """Create a client application and return its credentials."""
    body = {
        "name": name,
        "organisation": organisation,
        "mandates": [{"establishment": mandate.establishment, "roles": list(mandate.roles)} for mandate in mandates],
    }
    answer = client.post("/admin/v1/clients", _given(body))
    return NewClient(text(answer, "client_id"), text(answer, "client_secret"))


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}
