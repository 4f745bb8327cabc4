"""The rights matrix: what each role may do. Deny by default: what is not written here is refused."""

from enum import StrEnum


class Permission(StrEnum):
    """One thing a route lets its caller do. `public` routes say so too."""

    PUBLIC = "public"
    SELF = "self"

    TRANSFER_DEPOSIT = "transfer.deposit"
    TRANSFER_READ = "transfer.read"
    TRANSFER_DECIDE = "transfer.decide"
    AGREEMENT_READ = "agreement.read"
    CATALOGUE_READ = "catalogue.read"
    CONTENT_READ = "content.read"
    COPIES_READ = "copies.read"
    SPACE_READ = "space.read"
    AUDIT_READ = "audit.read"
    AUDIT_ASK = "audit.ask"
    JOURNAL_READ = "journal.read"
    EVIDENCE_READ = "evidence.read"
    ORGANISATION_READ = "organisation.read"
    ORGANISATION_MANAGE = "organisation.manage"
    AGREEMENT_MANAGE = "agreement.manage"
    CLIENT_MANAGE = "client.manage"
    WEBHOOK_MANAGE = "webhook.manage"
    PROFILE_APPROVE = "profile.approve"


class Role(StrEnum):
    """What a mandate makes of its holder, within the establishments it names."""

    DEPOSITOR = "depositor"
    READER = "reader"
    PRODUCER = "producer"
    ARCHIVIST = "archivist"
    CONTROL_AUTHORITY = "control_authority"
    OPERATOR = "operator"
    SECURITY_OFFICER = "security_officer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


_P = Permission

RIGHTS: dict[Role, frozenset[Permission]] = {
    Role.DEPOSITOR: frozenset({_P.TRANSFER_DEPOSIT, _P.TRANSFER_READ, _P.AGREEMENT_READ, _P.WEBHOOK_MANAGE}),
    Role.READER: frozenset({_P.CATALOGUE_READ, _P.CONTENT_READ}),
    Role.PRODUCER: frozenset(
        {
            _P.TRANSFER_READ,
            _P.CATALOGUE_READ,
            _P.CONTENT_READ,
            _P.AGREEMENT_READ,
            _P.COPIES_READ,
            _P.EVIDENCE_READ,
            _P.WEBHOOK_MANAGE,
        }
    ),
    Role.ARCHIVIST: frozenset(
        {
            _P.TRANSFER_READ,
            _P.TRANSFER_DECIDE,
            _P.CATALOGUE_READ,
            _P.CONTENT_READ,
            _P.COPIES_READ,
            _P.JOURNAL_READ,
            _P.EVIDENCE_READ,
            _P.ORGANISATION_READ,
            _P.AGREEMENT_READ,
            _P.AGREEMENT_MANAGE,
            _P.WEBHOOK_MANAGE,
            _P.PROFILE_APPROVE,
        }
    ),
    # It approves profiles, and makes none.
    Role.CONTROL_AUTHORITY: frozenset(
        {
            _P.TRANSFER_READ,
            _P.CATALOGUE_READ,
            _P.JOURNAL_READ,
            _P.EVIDENCE_READ,
            _P.AGREEMENT_READ,
            _P.ORGANISATION_READ,
            _P.PROFILE_APPROVE,
        }
    ),
    # The operator keeps the service running and never reads content.
    Role.OPERATOR: frozenset({_P.COPIES_READ, _P.SPACE_READ, _P.ORGANISATION_READ, _P.AUDIT_READ, _P.AUDIT_ASK}),
    Role.SECURITY_OFFICER: frozenset({_P.CLIENT_MANAGE, _P.ORGANISATION_READ, _P.JOURNAL_READ}),
    Role.AUDITOR: frozenset(
        {
            _P.JOURNAL_READ,
            _P.EVIDENCE_READ,
            _P.COPIES_READ,
            _P.TRANSFER_READ,
            _P.AGREEMENT_READ,
            _P.ORGANISATION_READ,
            _P.AUDIT_READ,
            _P.AUDIT_ASK,
        }
    ),
    # The first client of an installation: sets it up, hands out mandates, sees where copies are.
    Role.ADMINISTRATOR: frozenset(
        {
            _P.ORGANISATION_READ,
            _P.ORGANISATION_MANAGE,
            _P.AGREEMENT_READ,
            _P.AGREEMENT_MANAGE,
            _P.CLIENT_MANAGE,
            _P.COPIES_READ,
            _P.SPACE_READ,
            _P.AUDIT_READ,
            _P.TRANSFER_READ,
            _P.WEBHOOK_MANAGE,
            _P.PROFILE_APPROVE,
        }
    ),
}
"""Version 1 of the matrix; an article of the archival policy will stand beside each right."""

ROOM_RIGHTS: frozenset[Permission] = frozenset(
    {_P.SELF, _P.AGREEMENT_READ, _P.CATALOGUE_READ, _P.CONTENT_READ, _P.COPIES_READ, _P.SPACE_READ}
)
"""What a room may ask of another when nobody waits: agreements, rules, catalogue, bytes, copies, space; no change."""


def roles_with(permission: Permission) -> frozenset[Role]:
    """Return the roles that hold a permission."""
    return frozenset(role for role, held in RIGHTS.items() if permission in held)
