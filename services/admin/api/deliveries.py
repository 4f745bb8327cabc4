"""What a webhook was sent, and what is to be sent again."""

from typing import Annotated, Any

from fastapi import APIRouter

from services.admin.api.paging import Cursor, PageSize, paged
from services.admin.api.webhooks import PREFIX, own
from services.admin.domain.webhook import DeliveryState
from services.admin.handlers import deliveries as handlers
from services.admin.queries import deliveries as queries
from services.admin.webhook_schemas import Replay, shown_delivery
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase

Owner = Annotated[Caller, requires(Permission.WEBHOOK_MANAGE)]


def routes(database: RoomDatabase, base_url: str) -> APIRouter:
    """Return the routes of deliveries; what they tell leads to `base_url`."""
    router = APIRouter(prefix=PREFIX, tags=["webhooks"])

    @router.get("/{webhook_id}/deliveries")
    async def list_deliveries(
        webhook_id: str,
        caller: Owner,
        state: DeliveryState | None = None,
        cursor: Cursor = None,
        limit: PageSize = 100,
    ) -> dict[str, Any]:
        """List what a webhook was to be told, the newest first, with each attempt."""
        endpoint = await own(database, caller, webhook_id)
        async with database.reading() as connection:
            found = await queries.page(connection, endpoint.id, state, cursor, limit)
        return paged([shown_delivery(one) for one in found], [one.id for one in found], limit)

    @router.post("/{webhook_id}/test", status_code=202)
    async def send_test(webhook_id: str, caller: Owner) -> dict[str, Any]:
        """Send ``webhook.test`` to a webhook; asked for again before it went, it is the same one."""
        async with database.begin() as tx:
            return shown_delivery(await handlers.send_test(tx, caller, webhook_id, base_url))

    @router.post("/{webhook_id}/deliveries/{delivery_id}/replay", status_code=202)
    async def replay_delivery(webhook_id: str, delivery_id: str, caller: Owner) -> dict[str, Any]:
        """Send a delivery again, whatever became of it, under the same ``webhook-id``."""
        async with database.begin() as tx:
            return shown_delivery(await handlers.replay(tx, caller, webhook_id, delivery_id))

    @router.post("/{webhook_id}/replay", status_code=202)
    async def replay_failed(webhook_id: str, body: Replay, caller: Owner) -> dict[str, int]:
        """Send again what has failed of all that was to be told since a moment: the oldest first, 1,000 at a time."""
        async with database.begin() as tx:
            return {"replayed": await handlers.replay_failed(tx, caller, webhook_id, body.since)}

    return router
