"""What admin puts away now and then: deliveries that ended long ago, secrets under a former secret of the rooms."""

from datetime import timedelta

from services.admin.handlers.journal import event
from services.admin.queries import deliveries, webhooks
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
