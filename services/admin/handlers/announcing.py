"""What admin does when it hears of a transfer: one delivery for each endpoint that may be told.

All deliveries of an endpoint are one piece of work, its lane, in which they go one after the other: however many
wait for a receiver that hangs, it has one hand and no more. Lanes of endpoints that fail, or are slow, have hands of
their own: however many hang, those that answer promptly wait for none of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.admin.domain.client import Client
from services.admin.domain.notice import Notice, body
from services.admin.domain.webhook import Endpoint, Event, may_hear
from services.admin.queries import clients, deliveries, webhooks
from shared.clock import now, rfc3339
from shared.identifiers import new_id
from shared.messages.ingest import DecisionRemindedV1, SipRejectedV1, TransferAcknowledgedV1, TransferCompletedV1
from shared.messages.storage import RestoreTestedV1
from shared.messaging.lease import Piece
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue, hasten
from shared.tracing import untraced

DELIVER = "deliver_webhooks"
RETRY = "retry_webhooks"
"""The same for endpoints that have failed since they were last heard well of, and for those that take their time to
answer; the key of either is the endpoint."""

OfTransfer = TransferAcknowledgedV1 | TransferCompletedV1 | SipRejectedV1 | DecisionRemindedV1
Heard = OfTransfer | RestoreTestedV1


async def announce(base_url: str, tx: Transaction, messages: Sequence[Heard]) -> None:
    """Transfers went a step further, or an archive was read back: have those told who want to know, and may."""
    notices = [_notice(message, base_url) for message in messages]
    places = {notice.establishment for notice in notices if notice.establishment is not None}
    endpoints = await webhooks.listening(tx.connection, {notice.event for notice in notices}, places)
    owners = await clients.among(tx.connection, {endpoint.client for endpoint in endpoints})
    rows = [
        row_of(tx, endpoint, notice, base_url)
        for notice in notices
        for endpoint in endpoints
        if _wants(endpoint, owners[endpoint.client], notice)
    ]
    told = await deliveries.add(tx.connection, rows)
    await wake(tx, (endpoint for endpoint in endpoints if endpoint.id in told))


def _wants(endpoint: Endpoint, owner: Client, notice: Notice) -> bool:
    return notice.event in endpoint.events and may_hear(endpoint, owner, notice.event, notice.establishment)


def row_of(tx: Transaction, endpoint: Endpoint, notice: Notice, base_url: str) -> Mapping[str, Any]:
    """Return the row of a delivery."""
    return {
        "id": new_id(),
        "webhook": endpoint.id,
        "message": notice.message,
        "event": notice.event,
        "establishment": notice.establishment,
        "body": body(notice, base_url),
        "trace": tx.trace_of(notice.message),
    }


async def wake(tx: Transaction, endpoints: Iterable[Endpoint]) -> None:
    """Have the lanes of endpoints, locked before, looked at: now, or when one that was silent has rested."""
    for endpoint in sorted(endpoints, key=lambda one: one.id):
        resting = endpoint.rests_until is not None and endpoint.rests_until > now()
        moment = endpoint.rests_until if resting else None
        # A lane goes on for many deposits: each delivery has the trace of its own.
        with untraced():
            await enqueue(tx, lane_of(endpoint), turn_of(endpoint, moment))
        await hasten(tx, lane_of(endpoint), str(endpoint.id), moment)


def turn_of(endpoint: Endpoint, moment: datetime | None) -> Piece:
    """Return the next turn of an endpoint's lane, now or at a moment: hands are shared out among clients."""
    return Piece(str(endpoint.id), not_before=moment, owner=str(endpoint.client))


def lane_of(endpoint: Endpoint) -> str:
    """Return the kind of work that the lane of an endpoint is: it changes with the turns of the lane, and only so."""
    return DELIVER if endpoint.prompt else RETRY


def _notice(message: Heard, base_url: str) -> Notice:
    return _of_test(message, base_url) if isinstance(message, RestoreTestedV1) else _of_transfer(message)


def _of_test(message: RestoreTestedV1, base_url: str) -> Notice:
    place = str(message.establishment)
    also = {
        "establishment": place,
        "aip": str(message.aip_id),
        "site": message.site,
        "outcome": message.outcome,
        "tested_at": rfc3339(message.tested_at),
        "links": {"restore_tests": f"{base_url.rstrip('/')}/storage/v1/restore-tests?establishment={place}"},
    }
    about = Notice(message.message_id, Event.RESTORE_TESTED, message.occurred_at, also=also)
    return replace(about, establishment=message.establishment)


def _of_transfer(message: OfTransfer) -> Notice:
    return Notice(
        message.message_id,
        occurred_at=message.occurred_at,
        transfer=message.transfer_id,
        establishment=message.establishment,
        agreement=message.agreement,
        **_told(message),
    )


def _told(message: OfTransfer) -> dict[str, Any]:
    """Return what is particular to each kind of message."""
    match message:
        case TransferAcknowledgedV1():
            return {"event": Event.ACKNOWLEDGED, "answers": ("acknowledgement",)}
        case TransferCompletedV1():
            answers: tuple[str, ...] = ("acknowledgement", "reply")
            return {"event": Event.ACCEPTED, "answers": answers, "findings": message.finding_codes}
        case SipRejectedV1():
            answers = ("report",) if message.reply_key is None else ("acknowledgement", "reply", "report")
            return {"event": Event.REJECTED, "answers": answers, "findings": message.finding_codes}
        case DecisionRemindedV1():
            due = {"decide_by": rfc3339(message.decide_by), "overdue": message.overdue}
            return {"event": Event.DECISION_DUE, "answers": ("report", "decision"), "also": due}


def a_test(endpoint_id: UUID) -> Notice:
    """Return what an endpoint is sent to be tried."""
    return Notice(new_id(), Event.TEST, now(), also={"webhook": str(endpoint_id)})
