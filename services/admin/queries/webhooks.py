"""Questions about the endpoints of webhooks."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, any_, delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.admin.domain.webhook import LONGEST_WAIT, DisabledFor, Endpoint, Event, State
from services.admin.tables import client, mandate, webhook, webhook_delivery

# One that is removed is there for its log alone, until a chore has removed that.
_THERE = webhook.c.removed_at.is_(None)


async def add(connection: AsyncConnection, new: Endpoint) -> None:
    """Write a new endpoint."""
    row = {
        "id": new.id,
        "client": new.client,
        "url": new.url,
        "events": list(new.events),
        "establishments": None if new.establishments is None else list(new.establishments),
        "description": new.description,
        "secret": new.secret,
        "created_at": new.created_at,
    }
    await connection.execute(webhook.insert().values(row))


async def count(connection: AsyncConnection, owner: UUID) -> int:
    """Return how many endpoints a client has; others of his that are being made wait until this one is."""
    await connection.execute(select(client.c.id).where(client.c.id == owner).with_for_update(key_share=True))
    query = select(func.count()).select_from(webhook).where(webhook.c.client == owner, _THERE)
    return int(await connection.scalar(query) or 0)


async def find(
    connection: AsyncConnection, owner: UUID | None, webhook_id: UUID, *, locked: bool = False
) -> Endpoint | None:
    """Return an endpoint of a client (None: of whoever); locked, no delivery to it begins or ends meanwhile."""
    query = select(webhook).where(webhook.c.id == webhook_id, _THERE)
    if owner is not None:
        query = query.where(webhook.c.client == owner)
    if locked:
        query = query.with_for_update(key_share=True)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _endpoint(row)


async def page(connection: AsyncConnection, owner: UUID, after: UUID | None, limit: int) -> list[Endpoint]:
    """Return the endpoints of a client, in the order of their creation."""
    query = select(webhook).where(webhook.c.client == owner, _THERE).order_by(webhook.c.id).limit(limit)
    if after is not None:
        query = query.where(webhook.c.id > after)
    return [_endpoint(row) for row in await connection.execute(query)]


ANNOUNCING = 5_715_005
"""The advisory lock of whoever adds deliveries: a batch does it once for each kind of message, and two batches could
else wait for each other's endpoints."""


async def listening(
    connection: AsyncConnection, events: Iterable[Event], establishments: Iterable[UUID]
) -> list[Endpoint]:
    """Return enabled endpoints that want some of these events and whose owner has a mandate in one of these places.

    They are locked, in one order: no lane of theirs is found empty while deliveries are being added. Which roles the
    mandate gives is for `may_hear` to say.
    """
    await connection.execute(select(func.pg_advisory_xact_lock(ANNOUNCING)))
    there = or_(mandate.c.establishment.is_(None), mandate.c.establishment.in_(list(establishments)))
    query = (
        select(webhook)
        .where(
            _THERE,
            webhook.c.state == State.ENABLED,
            or_(*(any_(webhook.c.events) == event for event in events)),
            exists().where(mandate.c.client == webhook.c.client, there),
        )
        .order_by(webhook.c.id)
        .with_for_update(key_share=True, of=webhook)
    )
    return [_endpoint(row) for row in await connection.execute(query)]


async def change(connection: AsyncConnection, webhook_id: UUID, values: Mapping[str, Any]) -> None:
    """Change columns of an endpoint, as its owner wants them."""
    await connection.execute(
        webhook.update().where(webhook.c.id == webhook_id).values({**values, "changed_at": func.now()})
    )


async def note_health(connection: AsyncConnection, endpoint: Endpoint) -> None:
    """Note how an endpoint answers; it is not changed by that."""
    values = {name: getattr(endpoint, name) for name in ("failing_since", "rests_until", "prompt_owed")}
    await connection.execute(webhook.update().where(webhook.c.id == endpoint.id).values(values))


async def remove(connection: AsyncConnection, webhook_id: UUID) -> None:
    """Have an endpoint seen no more, nor told of anything, and keep none of its secrets; its log goes later.

    Workers of the release before know nothing of that: to them it is disabled, and rests, so that they do not take up
    without pause what waits for it.
    """
    mark = {"removed_at": func.now(), "state": State.DISABLED, "rests_until": func.now() + LONGEST_WAIT}
    values = mark | {"secret": b"", "former_secret": None}
    await connection.execute(webhook.update().where(webhook.c.id == webhook_id).values(values))


async def forget_removed(connection: AsyncConnection) -> int:
    """Remove the endpoints that were removed and have no log any more; return how many."""
    emptied = (
        select(webhook.c.id)
        .where(webhook.c.removed_at.is_not(None), ~exists().where(webhook_delivery.c.webhook == webhook.c.id))
        .with_for_update(skip_locked=True)
        .cte("emptied")
    )
    return (await connection.execute(delete(webhook).where(webhook.c.id == emptied.c.id))).rowcount


async def forget_former_secrets(connection: AsyncConnection) -> int:
    """Remove the former secrets that sign no more; return how many.

    Locked endpoints are passed over: whoever announces locks them in one order, and this is not it.
    """
    over = (
        select(webhook.c.id)
        .where(webhook.c.former_until <= func.now())
        .with_for_update(skip_locked=True, key_share=True)
        .cte("over")
    )
    values = {"former_secret": None, "former_until": None}
    return (await connection.execute(webhook.update().where(webhook.c.id == over.c.id).values(values))).rowcount


async def secrets(connection: AsyncConnection) -> list[Row[Any]]:
    """Return id, secret and former secret of every endpoint, as they are kept."""
    query = select(webhook.c.id, webhook.c.secret, webhook.c.former_secret).order_by(webhook.c.id)
    return list(await connection.execute(query))


async def seal_again(connection: AsyncConnection, row: Row[Any], values: Mapping[str, bytes]) -> bool:
    """Keep secrets sealed otherwise, unless they were replaced since they were read."""
    same = (webhook.c.secret == row.secret, webhook.c.former_secret.is_not_distinct_from(row.former_secret))
    changed = await connection.execute(webhook.update().where(webhook.c.id == row.id, *same).values(dict(values)))
    return changed.rowcount > 0


def _endpoint(row: Row[Any]) -> Endpoint:
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)
    del values["changed_at"], values["removed_at"]
    listed, because = values["establishments"], values["disabled_for"]
    return Endpoint(
        **values
        | {
            "events": tuple(map(Event, values["events"])),
            "establishments": None if listed is None else tuple(listed),
            "state": State(values["state"]),
            "disabled_for": None if because is None else DisabledFor(because),
        }
    )
