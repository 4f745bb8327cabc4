"""Deliveries on request: a test, and what is to be sent again."""

from datetime import datetime

from services.admin.domain.webhook import Delivery, Endpoint, State
from services.admin.handlers.announcing import a_test, row_of, wake
from services.admin.handlers.webhooks import as_id, found
from services.admin.problems import webhook_disabled
from services.admin.queries import deliveries
from shared.identity.caller import Caller
from shared.messaging.transaction import Transaction
from shared.problems import not_found


async def send_test(tx: Transaction, caller: Caller, reference: str, base_url: str) -> Delivery:
    """Send an endpoint a test; one that it has not had yet is the same test. Raises 404, 409 for a disabled one."""
    endpoint = await _enabled(tx, caller, reference)
    pending = await deliveries.pending_test(tx.connection, endpoint.id)
    if pending is not None:
        return pending
    row = row_of(tx, endpoint, a_test(endpoint.id), base_url)
    await deliveries.add(tx.connection, [row])
    await wake(tx, [endpoint])
    made = await deliveries.find(tx.connection, endpoint.id, row["id"])
    if made is None:
        raise AssertionError(f"delivery {row['id']} was not added")
    return made


async def replay(tx: Transaction, caller: Caller, reference: str, delivery: str) -> Delivery:
    """Send a delivery again, under the same ``webhook-id``; one on its way is left so. Raises 404, 409."""
    endpoint = await _enabled(tx, caller, reference)
    wanted = as_id(delivery)
    known = None if wanted is None else await deliveries.find(tx.connection, endpoint.id, wanted)
    if known is None:
        raise not_found()
    if await deliveries.ask_again(tx.connection, endpoint.id, deliveries.one(known.id)):
        await wake(tx, [endpoint])
    return await deliveries.find(tx.connection, endpoint.id, known.id) or known


async def replay_failed(tx: Transaction, caller: Caller, reference: str, since: datetime) -> int:
    """Send again all that has failed of what was to be told since then; return how many. Raises 404, 409."""
    endpoint = await _enabled(tx, caller, reference)
    count = await deliveries.ask_again(tx.connection, endpoint.id, deliveries.failed_since(since))
    if count:
        await wake(tx, [endpoint])
    return count


async def _enabled(tx: Transaction, caller: Caller, reference: str) -> Endpoint:
    endpoint = await found(tx, caller, reference)
    if endpoint.state is State.DISABLED:
        raise webhook_disabled()
    return endpoint
