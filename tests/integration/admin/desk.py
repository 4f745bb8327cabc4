"""What tests do with webhooks: make one, tell admin of a transfer, let its lanes go."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from shared.identifiers import new_id
from shared.messages.ingest import SipRejectedV1, TransferAcknowledgedV1, TransferCompletedV1
from shared.messages.message import Message
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import DONE
from tests.integration.admin.conftest import House
from tests.servers import Databases

PREFIX = "/admin/v1/webhooks"
ALL = ["transfer.acknowledged", "transfer.accepted", "transfer.rejected"]
PATIENCE = 30.0


@dataclass
class Desk:
    """Admin with a town, and a client of that town that may have webhooks."""

    house: House
    databases: Databases
    town: UUID
    credentials: dict[str, str]
    client: httpx.AsyncClient

    async def webhook(self, url: str, events: list[str] | None = None, **terms: object) -> dict[str, Any]:
        answer = await self.client.post(PREFIX, json={"url": url, "events": events or ALL, **terms})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def hear(self, *messages: Message) -> None:
        """Deliver messages to admin, as the broker does."""
        (consumer,) = self.house.room.consumers
        deliveries = [Delivery(one.message_id, one.topic, one.model_dump_json().encode()) for one in messages]
        assert await consumer.handle(deliveries) == [DONE] * len(messages)

    async def deliveries(self, webhook: str, **query: object) -> list[dict[str, Any]]:
        answer = await self.client.get(f"{PREFIX}/{webhook}/deliveries", params=query)  # type: ignore[arg-type]  # texts and numbers
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def until(self, webhook: str, *states: str) -> list[dict[str, Any]]:
        """Wait until the deliveries of an endpoint, the oldest first, are in these states."""

        async def look() -> list[dict[str, Any]] | None:
            found = list(reversed(await self.deliveries(webhook)))
            return found if [one["state"] for one in found] == list(states) else None

        found: list[dict[str, Any]] = await until(look)
        return found

    async def turn(self) -> None:
        """Let every lane take its next step now, whatever it waits for."""
        await self.databases.as_superuser("UPDATE admin.webhook SET rests_until = NULL")
        await self.databases.as_superuser("UPDATE admin.webhook_delivery SET next_at = now() WHERE state = 'pending'")
        await self.databases.as_superuser("UPDATE admin.work SET not_before = now() WHERE leased_until IS NULL")

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Have admin's hands at work for as long as the block lasts."""
        (loop,) = self.house.room.loops
        task = asyncio.create_task(loop.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def accepted(self, **values: Any) -> TransferCompletedV1:  # noqa: ANN401 (fields of the message)
        facts = {"transfer_id": new_id(), "establishment": self.town, "aip_id": new_id(), "agreement": new_id()}
        return TransferCompletedV1(**{**facts, "finding_codes": ("FILE_EMPTY",), "reply_key": "x", **values})

    def rejected(self, **values: Any) -> SipRejectedV1:  # noqa: ANN401
        facts = {"transfer_id": new_id(), "establishment": self.town, "agreement": new_id(), "reply_key": "x"}
        return SipRejectedV1(**{**facts, "finding_codes": ("OBJECT_DIGEST_MISMATCH",), **values})

    def acknowledged(self, **values: Any) -> TransferAcknowledgedV1:  # noqa: ANN401
        facts = {"transfer_id": new_id(), "establishment": self.town, "agreement": new_id()}
        return TransferAcknowledgedV1(**{**facts, **values})


async def until(look: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 (whatever is looked for)
    """Wait until there is what is looked for."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await look()):
            await asyncio.sleep(0.02)
    return found


async def a_desk(house: House, databases: Databases, *roles: str) -> Desk:
    """Open a desk: no work, no endpoints of other tests."""
    await databases.as_superuser("TRUNCATE admin.work, admin.webhook CASCADE")
    town = await house.establishment()
    credentials = await house.credentials((town["id"], list(roles) or ["depositor"]))
    token = (await house.ask_token(credentials)).json()["access_token"]
    return Desk(house, databases, UUID(town["id"]), credentials, house.caller(token))
