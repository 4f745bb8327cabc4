"""What admin puts away now and then: old deliveries, what was removed, secrets that are over or sealed as before."""

from datetime import timedelta

from services.admin.domain.webhook import DeliveryState
from services.admin.handlers.endings import ended
from services.admin.handlers.journal import event
from services.admin.queries import deliveries, webhooks
from services.admin.queries.deliveries import GIVEN_UP_AT_ONCE
from services.admin.webhook_secrets import WebhookSeal
from shared.messaging.housekeeping import BATCH
from shared.messaging.transaction import RoomDatabase


async def forget_deliveries(kept: timedelta, database: RoomDatabase) -> int:
    """Remove deliveries that ended longer ago than that, a batch at a time; return how many there were."""
    removed = 0
    while True:
        async with database.reading() as connection:
            count = await deliveries.forget(connection, kept)
        removed += count
        if count < BATCH:
            return removed


async def forget_removed(database: RoomDatabase) -> int:
    """Remove the log of endpoints that were removed, a batch at a time, then these; return how many rows it was."""
    removed = 0
    while True:
        async with database.reading() as connection:
            count = await deliveries.forget_of_removed(connection)
            removed += count
            if count < BATCH:
                return removed + await webhooks.forget_removed(connection)


async def give_up(database: RoomDatabase) -> int:
    """End deliveries that have waited for too long, a batch at a time; return how many there were."""
    given_up = 0
    while True:
        async with database.begin() as tx:
            found = await deliveries.give_up(tx.connection)
            for delivery in found:
                ended(tx, delivery, DeliveryState.FAILED)
        given_up += len(found)
        if len(found) < GIVEN_UP_AT_ONCE:
            return given_up


async def forget_former_secrets(database: RoomDatabase) -> int:
    """Remove the former secrets of endpoints whose overlap is over; return how many there were."""
    async with database.reading() as connection:
        return await webhooks.forget_former_secrets(connection)


async def seal_again(seal: WebhookSeal, database: RoomDatabase) -> int:
    """Encrypt under today's secret what is still kept under the former one; return of how many endpoints."""
    done = 0
    async with database.reading() as connection:
        rows = await webhooks.secrets(connection)
    for row in rows:
        kept = {"secret": row.secret, "former_secret": row.former_secret}
        again = {name: seal.close_again(value) for name, value in kept.items() if value is not None}
        values = {name: value for name, value in again.items() if value is not None}
        if not values:
            continue
        async with database.begin() as tx:
            if await webhooks.seal_again(tx.connection, row, values):
                tx.journal(event("webhook.sealed_again", "room:admin", f"webhook:{row.id}"))
                done += 1
    return done
