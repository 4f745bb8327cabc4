"""Organisations, agreements, profiles, rules and the public halves of keys come back from records of all versions.

Who published a version of an agreement, and who uploaded one of a profile, no record says: the journal of events
does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.admin.queries.agreements import version_row
from services.admin.queries.keys import DROPPED_BY_NOW, ERASED, NEVER_AGAIN
from services.admin.tables import (
    agreement,
    agreement_version,
    organisation,
    profile,
    profile_version,
    rule,
    signing_key,
)
from shared.messages.admin import (
    AgreementPublishedV1,
    OrganisationChangedV1,
    ProfilePublishedV1,
    RulesPublishedV1,
    SigningKeyPublishedV1,
)
from shared.messaging.transaction import RoomDatabase

UNKNOWN = "unknown"
"""Who did what no journal line tells of."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who did something, and when."""

    actor: str
    at: datetime


async def take_organisation(database: RoomDatabase, message: OrganisationChangedV1) -> None:
    """Keep an organisation as it stood in a version, unless a newer one is there."""
    row = {
        "id": message.organisation,
        "changed_at": message.occurred_at,
        **message.model_dump(include={"version", "kind", "identifier", "name", "siret", "department"}),
    }
    async with database.begin() as tx:
        await _raise_version(tx.connection, organisation, row)


async def take_agreement(database: RoomDatabase, message: AgreementPublishedV1, author: Author | None) -> None:
    """Keep one version of an agreement; the newest is the current one."""
    told = message.agreement
    head = {
        "id": told.id,
        "identifier": told.identifier,
        "establishment": told.establishment,
        "version": told.version,
    }
    row = version_row(told, UNKNOWN if author is None else author.actor)
    async with database.begin() as tx:
        await _raise_version(tx.connection, agreement, head)
        row["published_at"] = message.occurred_at
        await tx.connection.execute(insert(agreement_version).values(row).on_conflict_do_nothing())


async def take_profile(
    database: RoomDatabase, message: ProfilePublishedV1, content: bytes | None, uploaded: Author | None
) -> None:
    """Keep a version of a profile that was approved, with its bytes; or that it was withdrawn since."""
    told = message.reference
    head = {
        "id": told.profile,
        "identifier": told.identifier,
        "establishment": message.establishment,
        "name": message.name,
        "version": told.version,
        "created_at": message.occurred_at if uploaded is None else uploaded.at,
    }
    async with database.begin() as tx:
        await _raise_version(tx.connection, profile, head)
        if content is not None:
            row = _profile_row(message, content, uploaded)
            await tx.connection.execute(insert(profile_version).values(row).on_conflict_do_nothing())
        if message.state == "withdrawn":
            await tx.connection.execute(_withdrawal(message))


def _profile_row(message: ProfilePublishedV1, content: bytes, uploaded: Author | None) -> dict[str, Any]:
    told = message.reference
    return {
        "id": told.id,
        "profile": told.profile,
        "version": told.version,
        "kind": told.kind,
        "entry": told.entry,
        "content": content,
        "sha512": told.sha512,
        "size": told.size,
        "seda_versions": list(told.seda_versions),
        "uploaded_by": UNKNOWN if uploaded is None else uploaded.actor,
        "uploaded_at": message.occurred_at if uploaded is None else uploaded.at,
        "state": "approved",
        "approved_by": message.approved_by,
        "approved_at": message.occurred_at,
        "declared": message.declared,
        "declared_on": message.declared_on,
    }


def _withdrawal(message: ProfilePublishedV1) -> Any:  # noqa: ANN401 (an update, whose type says nothing)
    values = {
        "state": "withdrawn",
        "withdrawn_by": message.withdrawn_by,
        "withdrawn_at": message.occurred_at,
        "reason": message.reason,
    }
    is_it = (profile_version.c.id == message.reference.id) & (profile_version.c.state == "approved")
    return profile_version.update().where(is_it).values(values)


async def take_rules(database: RoomDatabase, message: RulesPublishedV1) -> None:
    """Keep the versions of rules that one publication made."""
    rows = [
        {
            "code": one.code,
            "version": one.version,
            "category": one.category,
            "duration": one.duration,
            "final_action": one.final_action,
            "published_at": message.occurred_at,
        }
        for one in message.rules
    ]
    async with database.begin() as tx:
        await tx.connection.execute(insert(rule).on_conflict_do_nothing(), rows)


async def take_signing_key(
    database: RoomDatabase, message: SigningKeyPublishedV1, *, retired: datetime | None, revoked: datetime | None
) -> None:
    """Keep the public half of a key as one that signs no more, and by which no token is believed any more.

    `retired` and `revoked`: when the journals say that it was. Whom its tokens were given to nobody knows now.
    """
    row = {
        "kid": message.kid,
        "pkcs8": ERASED,
        "jwk": message.jwk,
        "created_at": message.occurred_at,
        "signs_from": message.signs_from,
        "retired_at": NEVER_AGAIN if revoked else func.least(retired or message.signs_from, DROPPED_BY_NOW),
        "revoked_at": revoked,
    }
    async with database.begin() as tx:
        await tx.connection.execute(insert(signing_key).values(row).on_conflict_do_nothing())


async def _raise_version(connection: AsyncConnection, table: Table, row: Mapping[str, Any]) -> None:
    """Write a row with a version, unless one as new is there."""
    adding = insert(table).values(dict(row))
    raised = adding.on_conflict_do_update(
        index_elements=[table.c.id],
        set_={name: adding.excluded[name] for name in row if name not in ("id", "created_at")},
        where=table.c.version < adding.excluded.version,
    )
    await connection.execute(raised)
