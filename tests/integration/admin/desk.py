"""What tests do with webhooks: make one, tell admin of a transfer, let its lanes go."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import httpx

from services.admin.adapters.names import Names
from services.admin.adapters.posting import WHOLE_SECONDS, Poster
from services.admin.handlers.announcing import DELIVER, RETRY
from services.admin.webhook_secrets import WebhookSeal
from services.admin.worker import Courier
from shared.identifiers import new_id
from shared.messages.ingest import DecisionRemindedV1, SipRejectedV1, TransferAcknowledgedV1, TransferCompletedV1
from shared.messages.message import Message
from shared.messages.storage import RestoreTestedV1
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import DONE
from shared.messaging.workers import WorkLoop
from tests.integration.admin.house import SECRET, House
from tests.servers import Databases

PREFIX = "/admin/v1/webhooks"
ALL = ["transfer.acknowledged", "transfer.accepted", "transfer.rejected"]
PATIENCE = 30.0
HANDS = 4
LOOPBACK = (ip_network("127.0.0.0/8"),)


@dataclass
class Desk:
    """Admin with a town, and a client of that town that may have webhooks."""

    house: House
    databases: Databases
    town: UUID
    credentials: dict[str, str]
    client: httpx.AsyncClient
    names: Names = field(default_factory=Names)

    async def webhook(self, url: str, events: list[str] | None = None, **terms: object) -> dict[str, Any]:
        answer = await self.client.post(PREFIX, json={"url": url, "events": events or ALL, **terms})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def hear(self, *messages: Message, trace: str | None = None) -> None:
        """Deliver messages to admin, as the broker does."""
        (consumer,) = self.house.room.consumers
        deliveries = [
            Delivery(one.message_id, one.topic, one.model_dump_json().encode(), trace=trace) for one in messages
        ]
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
        for hands in self.house.database.hands.values():
            hands.look()

    async def attempts(self, webhook: str, number: int) -> list[dict[str, Any]]:
        """Wait until a delivery of an endpoint was tried so often and is to be tried again; return its attempts."""

        async def look() -> list[dict[str, Any]] | None:
            pending = await self.deliveries(webhook, state="pending")
            return next((one["attempts"] for one in pending if len(one["attempts"]) == number), None)

        found: list[dict[str, Any]] = await until(look)
        return found

    async def no_work(self) -> bool:
        """Wait until no lane is left."""

        async def look() -> bool:
            return await self.databases.as_superuser("SELECT id FROM admin.work") == []

        return bool(await until(look))

    def courier(self, poster: Poster | None = None) -> Courier:
        """Return hands of admin's, as its wiring makes them."""
        return Courier(self.house.database, WebhookSeal(SECRET), poster or self.poster, timedelta(days=5))

    @contextlib.asynccontextmanager
    async def working(self, seconds: float = WHOLE_SECONDS, poster: Poster | None = None) -> AsyncIterator[None]:
        """Have a few of admin's hands at work for as long as the block lasts."""
        courier = self.courier(poster or Poster(self.names.addresses, LOOPBACK, seconds=seconds))
        loops = [
            WorkLoop(self.house.database, {kind: courier.deliver}, slots=slots)
            for kind, slots in ((DELIVER, HANDS), (RETRY, 1))
        ]
        tasks = [asyncio.create_task(loop.run()) for loop in loops]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def poster(self) -> Poster:
        return Poster(self.names.addresses, LOOPBACK)

    def accepted(self, **values: Any) -> TransferCompletedV1:  # noqa: ANN401 (fields of the message)
        facts = {"transfer_id": new_id(), "establishment": self.town, "aip_id": new_id(), "agreement": new_id()}
        return TransferCompletedV1(**{**facts, "finding_codes": ("FILE_EMPTY",), "reply_key": "x", **values})

    def rejected(self, **values: Any) -> SipRejectedV1:  # noqa: ANN401
        facts = {"transfer_id": new_id(), "establishment": self.town, "agreement": new_id(), "reply_key": "x"}
        return SipRejectedV1(**{**facts, "finding_codes": ("OBJECT_DIGEST_MISMATCH",), **values})

    def reminded(self, **values: Any) -> DecisionRemindedV1:  # noqa: ANN401
        facts = {"transfer_id": new_id(), "establishment": self.town, "agreement": new_id()}
        return DecisionRemindedV1(**{**facts, "decide_by": "2026-03-04T09:00:00Z", "overdue": False, **values})

    def restore_tested(self, **values: Any) -> RestoreTestedV1:  # noqa: ANN401
        facts = {"test_id": new_id(), "establishment": self.town, "aip_id": new_id(), "version": 1, "site": "a"}
        result = {"place": "Rennes", "outcome": "whole", "tested_at": "2026-03-04T09:00:00Z"}
        return RestoreTestedV1(**{**facts, **result, **values})

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
