"""Questions about clients, their mandates and their secrets."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, exists, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.admin.domain.client import Client, Grant
from services.admin.domain.secret import FormerSecret, KeptSecret
from services.admin.tables import client, mandate, refusal
from shared.identity.caller import Scope
from shared.identity.rights import Role

_GRANTS = (
    select(
        func.coalesce(
            func.jsonb_agg(
                func.jsonb_build_object("establishment", mandate.c.establishment, "roles", mandate.c.roles)
            ),
            literal_column("'[]'::jsonb"),
        )
    )
    .where(mandate.c.client == client.c.id)
    .correlate(client)
    .scalar_subquery()
    .label("grants")
)
_NO_FORMER = {"former_salt": None, "former_sha256": None, "former_until": None}
_CLIENTS: Select[tuple[Any, ...]] = select(client, _GRANTS)


async def add(connection: AsyncConnection, new: Client) -> None:
    """Write a new client with its mandates: two statements, however many mandates."""
    row = {
        "id": new.id,
        "name": new.name,
        "organisation": new.organisation,
        "state": new.state,
        "bootstrap": new.bootstrap,
        "salt": new.secret.salt,
        "secret_sha256": new.secret.sha256,
    }
    await connection.execute(client.insert().values(row))
    mandates = [
        {
            "client": new.id,
            "place": place,
            "establishment": grant.establishment,
            "roles": [role.value for role in grant.roles],
        }
        for place, grant in enumerate(new.grants)
    ]
    if mandates:
        await connection.execute(mandate.insert(), mandates)


async def find(connection: AsyncConnection, scope: Scope, client_id: UUID) -> Client | None:
    """Return a client whose mandates all lie within the scope."""
    query = _within(_CLIENTS, scope).where(client.c.id == client_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _client(row)


async def among(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, Client]:
    """Return clients by id, whoever asks; those that do not exist are left out."""
    if not ids:
        return {}
    rows = await connection.execute(_CLIENTS.where(client.c.id.in_(list(ids))))
    return {row.id: _client(row) for row in rows}


async def page(connection: AsyncConnection, scope: Scope, after: UUID | None, limit: int) -> list[Client]:
    """Return the clients whose mandates all lie within the scope, in the order of their creation."""
    query = _within(_CLIENTS, scope).order_by(client.c.id).limit(limit)
    if after is not None:
        query = query.where(client.c.id > after)
    return [_client(row) for row in await connection.execute(query)]


async def first(connection: AsyncConnection) -> Client | None:
    """Return the client that the first start created, if there is one."""
    row = (await connection.execute(_CLIENTS.where(client.c.bootstrap).limit(1))).one_or_none()
    return None if row is None else _client(row)


async def any_at_all(connection: AsyncConnection) -> bool:
    """Say whether there is any client."""
    return bool(await connection.scalar(select(exists().select_from(client))))


async def set_state(connection: AsyncConnection, client_id: UUID, state: str) -> None:
    """Enable or disable a client; a former secret does not come back with it."""
    values = {"state": state, "changed_at": func.now(), **_NO_FORMER}
    await connection.execute(client.update().where(client.c.id == client_id).values(values))


async def set_secret(
    connection: AsyncConnection, client_id: UUID, secret: KeptSecret, former_until: datetime | None
) -> None:
    """Give a client another secret; the one before works until then, or not at all, and any older one no more."""
    values: dict[str, Any] = {"salt": secret.salt, "secret_sha256": secret.sha256, "changed_at": func.now()}
    former: dict[str, Any] = _NO_FORMER
    if former_until is not None:
        # As they are before this statement.
        former = {"former_salt": client.c.salt, "former_sha256": client.c.secret_sha256, "former_until": former_until}
    await connection.execute(client.update().where(client.c.id == client_id).values({**values, **former}))


async def note_first_use(connection: AsyncConnection, client_id: UUID) -> None:
    """Remember that a client has got a token."""
    unused = (client.c.id == client_id, client.c.first_used_at.is_(None))
    await connection.execute(client.update().where(*unused).values(first_used_at=func.now()))


async def may_journal_refusal(connection: AsyncConnection, client_id: UUID) -> bool:
    """Say whether the last journaled refusal of a client is a minute old; if so, this one counts as it."""
    statement = insert(refusal).values(client=client_id, journaled_at=func.now())
    due = statement.on_conflict_do_update(
        index_elements=[refusal.c.client],
        set_={"journaled_at": func.now()},
        where=refusal.c.journaled_at < func.now() - text("interval '1 minute'"),
    ).returning(refusal.c.client)
    return (await connection.execute(due)).one_or_none() is not None


def _within(query: Select[tuple[Any, ...]], scope: Scope) -> Select[tuple[Any, ...]]:
    if scope.establishments is None:
        return query
    inside = mandate.c.establishment.in_(scope.establishments)
    own = exists().where(mandate.c.client == client.c.id)
    return query.where(own, ~own.where(inside.is_not(True)))


def _client(row: Row[Any]) -> Client:
    return Client(
        id=row.id,
        name=row.name,
        organisation=row.organisation,
        state=row.state,
        bootstrap=row.bootstrap,
        secret=KeptSecret(row.salt, row.secret_sha256),
        created_at=row.created_at,
        first_used_at=row.first_used_at,
        grants=tuple(_grant(granted) for granted in row.grants),
        former_secret=_former(row),
    )


def _former(row: Row[Any]) -> FormerSecret | None:
    if row.former_until is None:
        return None
    return FormerSecret(KeptSecret(row.former_salt, row.former_sha256), row.former_until)


def _grant(granted: dict[str, Any]) -> Grant:
    establishment = granted["establishment"]
    roles = tuple(Role(role) for role in granted["roles"])
    return Grant(None if establishment is None else UUID(establishment), roles)
