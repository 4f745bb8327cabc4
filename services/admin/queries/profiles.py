"""Questions about archival profiles and their versions."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.admin.domain.faults import looks_like_id
from services.admin.domain.profile import Profile, ProfileVersion
from services.admin.tables import profile, profile_version
from shared.identity.caller import Scope
from shared.profiles.kinds import Kind

_HEAD = [profile.c[name] for name in Profile.__dataclass_fields__]
_SHOWN = [profile_version.c[name] for name in ProfileVersion.__dataclass_fields__]


async def add(connection: AsyncConnection, new: Profile) -> bool:
    """Write a new profile; return False if its establishment has one of that identifier."""
    values = {name: getattr(new, name) for name in Profile.__dataclass_fields__}
    statement = insert(profile).values(values).on_conflict_do_nothing().returning(profile.c.id)
    return (await connection.execute(statement)).one_or_none() is not None


async def find(connection: AsyncConnection, scope: Scope, profile_id: str, *, locked: bool = False) -> Profile | None:
    """Return a profile by its id if it is the platform's, or lies within the scope."""
    if not looks_like_id(profile_id):
        return None
    query = select(*_HEAD).where(profile.c.id == UUID(profile_id), _within(scope))
    row = (await connection.execute(query.with_for_update() if locked else query)).one_or_none()
    return None if row is None else _profile(row)


async def page(
    connection: AsyncConnection, scope: Scope, identifier: str | None, after: UUID | None, limit: int
) -> list[Profile]:
    """Return the profiles of a scope and the platform's, in the order of their creation."""
    query = select(*_HEAD).where(_within(scope)).order_by(profile.c.id).limit(limit)
    if identifier is not None:
        query = query.where(profile.c.identifier == identifier)
    if after is not None:
        query = query.where(profile.c.id > after)
    return [_profile(row) for row in await connection.execute(query)]


async def open_to(connection: AsyncConnection, establishment: UUID, reference: str) -> Profile | None:
    """Return the profile that an establishment's agreement means by an id or identifier: its own goes first."""
    by_id = looks_like_id(reference)
    named = profile.c.id == UUID(reference) if by_id else profile.c.identifier == reference
    theirs = or_(profile.c.establishment == establishment, profile.c.establishment.is_(None))
    query = select(*_HEAD).where(named, theirs).order_by(profile.c.establishment.nulls_last()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _profile(row)


async def add_version(connection: AsyncConnection, new: ProfileVersion, content: bytes) -> None:
    """Write a version of a profile that is locked, and make it the newest."""
    values = {name: getattr(new, name) for name in ProfileVersion.__dataclass_fields__}
    values |= {"seda_versions": list(new.seda_versions), "content": content}
    await connection.execute(profile_version.insert().values(values))
    head = profile.update().where(profile.c.id == new.profile).values(version=new.version)
    await connection.execute(head)


async def version(
    connection: AsyncConnection, profile_id: UUID, number: int, *, locked: bool = False
) -> ProfileVersion | None:
    """Return one version of a profile."""
    query = select(*_SHOWN).where(_is(profile_id, number))
    row = (await connection.execute(query.with_for_update() if locked else query)).one_or_none()
    return None if row is None else _version(row)


async def versions(connection: AsyncConnection, profile_id: UUID) -> list[ProfileVersion]:
    """Return every version of a profile, the oldest first."""
    query = select(*_SHOWN).where(profile_version.c.profile == profile_id).order_by(profile_version.c.version)
    return [_version(row) for row in await connection.execute(query)]


async def content(connection: AsyncConnection, profile_id: UUID, number: int) -> bytes | None:
    """Return the content of a version, as it was uploaded."""
    found: bytes | None = await connection.scalar(select(profile_version.c.content).where(_is(profile_id, number)))
    return found


async def change(connection: AsyncConnection, version_id: UUID, values: Mapping[str, Any]) -> None:
    """Write the new state of a version."""
    await connection.execute(profile_version.update().where(profile_version.c.id == version_id).values(values))


def _within(scope: Scope) -> ColumnElement[bool]:
    if scope.establishments is None:
        return profile.c.id.is_not(None)
    return or_(profile.c.establishment.is_(None), profile.c.establishment.in_(scope.establishments))


def _is(profile_id: UUID, number: int) -> ColumnElement[bool]:
    return (profile_version.c.profile == profile_id) & (profile_version.c.version == number)


def _profile(row: Row[Any]) -> Profile:
    return Profile(**row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)


def _version(row: Row[Any]) -> ProfileVersion:
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)
    return ProfileVersion(**values | {"kind": Kind(values["kind"]), "seda_versions": tuple(values["seda_versions"])})
