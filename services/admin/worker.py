"""Long work of admin: the lane of one endpoint, a delivery at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from opentelemetry.trace import SpanKind
from prometheus_client import Counter

from services.admin.adapters.posting import Answer, Poster
from services.admin.domain.client import Client
from services.admin.domain.signature import signatures
from services.admin.domain.webhook import (
    Delivery,
    DeliveryState,
    DisabledFor,
    Endpoint,
    State,
    may_hear,
    owed_after,
    wait_of,
)
from services.admin.handlers.announcing import lane_of, turn_of
from services.admin.handlers.endings import ACTOR, ended
from services.admin.handlers.webhooks import disable
from services.admin.queries import clients, deliveries, webhooks
from services.admin.webhook_secrets import WebhookSeal
from shared.clock import now, rfc3339
from shared.messaging.lease import Lease
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish
from shared.tracing import context_of, spanning, untraced

AGENT = "Chartrier-Webhooks/1"

ATTEMPTS = Counter("chartrier_webhook_attempts", "Attempts to deliver a webhook", ("outcome",))


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery whose turn it is, with all that says whether and how it goes."""

    endpoint: Endpoint
    owner: Client
    delivery: Delivery


class Courier:
    """Delivers webhooks. An endpoint that has answered nothing but failures for `patience` is disabled."""

    def __init__(self, database: RoomDatabase, seal: WebhookSeal, poster: Poster, patience: timedelta) -> None:
        self._database = database
        self._seal = seal
        self._poster = poster
        self._patience = patience

    async def deliver(self, held: Lease) -> None:
        """Send the delivery of a lane whose turn it is; then the lane goes to the end of the queue."""
        due = await self._due(UUID(held.key))
        answer = None if due is None or not _may_go(due) else await self._sent(due)
        async with self._database.begin() as tx:
            endpoint = await webhooks.find(tx.connection, None, UUID(held.key), locked=True)
            if endpoint is not None and due is not None:
                endpoint = await self._record(tx, replace(due, endpoint=endpoint), answer)
            await finish(tx, held)
            if endpoint is not None:
                await _queue(tx, endpoint)

    async def _due(self, endpoint_id: UUID) -> Due | None:
        async with self._database.reading() as connection:
            endpoint = await webhooks.find(connection, None, endpoint_id)
            delivery = None if endpoint is None else await deliveries.first_due(connection, endpoint_id)
            if endpoint is None or delivery is None:
                return None
            owners = await clients.among(connection, {endpoint.client})
        return Due(endpoint, owners[endpoint.client], delivery)

    async def _sent(self, due: Due) -> Answer:
        endpoint, at = due.endpoint, now()
        former = endpoint.former_until is not None and endpoint.former_until > at
        kept = [endpoint.secret, *([endpoint.former_secret] if former and endpoint.former_secret else [])]
        keys = [key for key in map(self._seal.open, kept) if key is not None]
        if not keys:
            return Answer(None, 0.0, "secret_unreadable")
        body, timestamp = due.delivery.body.encode(), int(at.timestamp())
        message = str(due.delivery.message)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": AGENT,
            "webhook-id": message,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signatures(keys, message, timestamp, body),
        }
        facts = {"messaging.message.id": message, "chartrier.webhook": str(endpoint.id)}
        with spanning("send webhook", context_of(due.delivery.trace), facts, SpanKind.CLIENT):
            return await self._poster.post(endpoint.url, headers, body)

    async def _record(self, tx: Transaction, due: Due, answer: Answer | None) -> Endpoint:
        """Note what came of it, and return the endpoint as it is then."""
        if answer is None:
            # Disabled meanwhile, it has failed already with all that was pending.
            if due.endpoint.state is State.ENABLED:
                await deliveries.record(tx.connection, due.delivery, None, DeliveryState.WITHDRAWN)
                ended(tx, due.delivery, DeliveryState.WITHDRAWN)
            return due.endpoint
        ATTEMPTS.labels("delivered" if answer.delivered else "failed").inc()
        wait = None if answer.gone else wait_of(due.delivery, now(), answer.wait)
        state = _state(due.endpoint, answer, wait)
        await deliveries.record(tx.connection, due.delivery, _attempt(answer), state, wait)
        if state is not DeliveryState.PENDING:
            ended(tx, due.delivery, state)
        return await self._weigh(tx, due.endpoint, answer)

    async def _weigh(self, tx: Transaction, endpoint: Endpoint, answer: Answer) -> Endpoint:
        at = now()
        since = None if answer.delivered else endpoint.failing_since or at
        rests = None if answer.rest is None else at + answer.rest
        owed = owed_after(endpoint.prompt_owed, slow=answer.slow, delivered=answer.delivered)
        weighed = replace(endpoint, failing_since=since, rests_until=rests, prompt_owed=owed)
        await webhooks.note_health(tx.connection, weighed)
        if endpoint.state is State.DISABLED:
            return weighed
        if answer.gone:
            return await disable(tx, ACTOR, weighed, DisabledFor.GONE)
        if since is not None and since <= at - self._patience:
            return await disable(tx, ACTOR, weighed, DisabledFor.FAILING)
        return weighed


def _may_go(due: Due) -> bool:
    return due.endpoint.state is State.ENABLED and may_hear(
        due.endpoint, due.owner, due.delivery.event, due.delivery.establishment
    )


def _state(endpoint: Endpoint, answer: Answer, wait: timedelta | None) -> DeliveryState:
    if answer.delivered:
        return DeliveryState.DELIVERED
    # Disabled while it was under way: what it still had to hear has failed with that.
    over = wait is None or endpoint.state is State.DISABLED
    return DeliveryState.FAILED if over else DeliveryState.PENDING


def _attempt(answer: Answer) -> Mapping[str, Any]:
    return {
        "at": rfc3339(now()),
        "status": answer.status,
        "reason": answer.reason,
        "seconds": round(answer.seconds, 3),
    }


async def _queue(tx: Transaction, endpoint: Endpoint) -> None:
    """Ask for the endpoint's lane to be taken up again when its next delivery is due, and it has rested."""
    following = await deliveries.next_moment(tx.connection, endpoint.id)
    if following is None:
        return
    moment, is_due = following
    rests = endpoint.rests_until
    if rests is not None and (is_due or rests > moment):
        moment, is_due = rests, False
    with untraced():
        await enqueue(
            tx,
            lane_of(endpoint),
            turn_of(endpoint, None if is_due else moment),
        )
