"""Questions about agreements and their versions."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.admin.domain.faults import looks_like_id
from services.admin.tables import agreement, agreement_version, organisation
from shared.identity.caller import Scope
from shared.messages.admin import AgreementV1

TERMS = (
    "name",
    "state",
    "match_header",
    "unknown_rules",
    "usages",
    "decision",
    "max_bytes",
    "max_units",
    "valid_from",
    "valid_to",
    "unidentified",
    "antivirus",
    "reply_codes",
    "quota_bytes",
    "sandbox",
    "signatures",
    "message_signature",
    "signatures_required",
    "message_signature_required",
    "decision_days",
    "profile_required",
)
"""The columns of a version that mean what the field of the same name in `AgreementV1` means."""

LISTS = (
    "formats",
    "schema_tolerances",
    "archival_agencies",
    "transferring_agencies",
    "originating_agencies",
    "submission_agencies",
)
"""Those of them that hold several values."""

_VERSIONS: Select[tuple[Any, ...]] = (
    select(
        agreement.c.id,
        agreement.c.identifier,
        agreement.c.establishment,
        organisation.c.identifier.label("establishment_identifier"),
        agreement_version,
    )
    .join(agreement, agreement.c.id == agreement_version.c.agreement)
    .join(organisation, organisation.c.id == agreement.c.establishment)
)
_CURRENT = _VERSIONS.where(agreement_version.c.version == agreement.c.version)


async def add(connection: AsyncConnection, new: AgreementV1, author: str) -> bool:
    """Write a new agreement and its first version; return False if its identifier is taken."""
    head = {
        "id": new.id,
        "identifier": new.identifier,
        "establishment": new.establishment,
        "version": new.version,
    }
    statement = insert(agreement).values(head).on_conflict_do_nothing().returning(agreement.c.id)
    if (await connection.execute(statement)).one_or_none() is None:
        return False
    await connection.execute(agreement_version.insert().values(version_row(new, author)))
    return True


async def publish(connection: AsyncConnection, changed: AgreementV1, author: str) -> None:
    """Write a further version of an agreement and make it the current one."""
    await connection.execute(agreement_version.insert().values(version_row(changed, author)))
    head = agreement.update().where(agreement.c.id == changed.id).values(version=changed.version)
    await connection.execute(head)


async def find(
    connection: AsyncConnection, scope: Scope, reference: str, *, locked: bool = False
) -> AgreementV1 | None:
    """Return the current version of an agreement by id or identifier, if it lies within the scope."""
    by_id = looks_like_id(reference)
    named = agreement.c.id == UUID(reference) if by_id else agreement.c.identifier == reference
    if locked:
        # The head first: a version read together with a lock that had to wait could be an old one.
        await connection.execute(select(agreement.c.id).where(named).with_for_update())
    row = (await connection.execute(_within(_CURRENT, scope).where(named))).one_or_none()
    return None if row is None else _agreement(row)


async def page(
    connection: AsyncConnection, scope: Scope, establishment: UUID | None, after: UUID | None, limit: int
) -> list[AgreementV1]:
    """Return current versions within a scope, in the order of the agreements' creation."""
    query = _within(_CURRENT, scope).order_by(agreement.c.id).limit(limit)
    if establishment is not None:
        query = query.where(agreement.c.establishment == establishment)
    if after is not None:
        query = query.where(agreement.c.id > after)
    return [_agreement(row) for row in await connection.execute(query)]


async def versions(connection: AsyncConnection, agreement_id: UUID) -> list[tuple[AgreementV1, str]]:
    """Return every version of an agreement with who published it, the oldest first."""
    query = _VERSIONS.where(agreement.c.id == agreement_id).order_by(agreement_version.c.version)
    return [(_agreement(row), row.published_by) for row in await connection.execute(query)]


def _within(query: Select[tuple[Any, ...]], scope: Scope) -> Select[tuple[Any, ...]]:
    if scope.establishments is None:
        return query
    return query.where(agreement.c.establishment.in_(scope.establishments))


def version_row(terms: AgreementV1, author: str) -> dict[str, Any]:
    """Return the row of one version."""
    return {
        **{name: getattr(terms, name) for name in TERMS},
        **{name: list(getattr(terms, name)) for name in LISTS},
        "profiles": [one.model_dump(mode="json") for one in terms.profiles],
        "agreement": terms.id,
        "version": terms.version,
        "published_by": author,
    }


def _agreement(row: Row[Any]) -> AgreementV1:
    lists: dict[str, Any] = {name: tuple(getattr(row, name)) for name in LISTS}
    return AgreementV1(
        id=row.id,
        version=row.version,
        identifier=row.identifier,
        establishment=row.establishment,
        establishment_identifier=row.establishment_identifier,
        **{name: getattr(row, name) for name in TERMS},
        **lists,
        profiles=row.profiles,
    )
