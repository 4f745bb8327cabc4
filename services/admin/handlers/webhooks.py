"""Make, change, re-key and remove endpoints: a client has its own, and sees no other's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.admin.domain.client import Client
from services.admin.domain.signature import new_secret
from services.admin.domain.webhook import READS, DisabledFor, Endpoint, Event, State
from services.admin.handlers.journal import event
from services.admin.problems import clients_only, event_not_yours, too_many_webhooks, unknown_establishment
from services.admin.queries import clients, deliveries, organisations, webhooks
from services.admin.webhook_secrets import WebhookSeal
from shared.clock import now, rfc3339
from shared.identifiers import new_id
from shared.identity.caller import Caller
from shared.identity.rights import Permission
from shared.messaging.transaction import Transaction
from shared.problems import not_found

MOST = 20
"""Endpoints of one client: each event is kept, and sent, once for every one of them."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """An endpoint with its secret, which is shown this once; and until when its former one signs as well."""

    endpoint: Endpoint
    secret: str
    former_until: datetime | None = None


async def create(tx: Transaction, caller: Caller, seal: WebhookSeal, terms: Mapping[str, Any]) -> Keyed:
    """Make an endpoint of the caller's. Raises a `Problem`: 403, 404 for an establishment, 409 for one too many."""
    owner = await owner_of(tx, caller)
    if await webhooks.count(tx.connection, owner.id) >= MOST:
        raise too_many_webhooks(MOST)
    checked = await _checked(tx, caller, terms)
    secret = new_secret()
    endpoint = Endpoint(new_id(), owner.id, **checked, secret=seal.close(secret), created_at=now())
    await webhooks.add(tx.connection, endpoint)
    _journal(tx, "webhook.created", caller.subject, endpoint, {"events": " ".join(sorted(endpoint.events))})
    return Keyed(endpoint, secret)


async def change(tx: Transaction, caller: Caller, reference: str, terms: Mapping[str, Any]) -> Endpoint:
    """Change some terms of an endpoint of the caller's; enabled again, it has all the patience there is before it.

    Raises a `Problem`: 403, 404.
    """
    current = await found(tx, caller, reference)
    checked = await _checked(tx, caller, {name: value for name, value in terms.items() if name != "state"})
    wanted = State(terms.get("state", current.state))
    changed = replace(current, **checked)
    if changed != current:
        await webhooks.change(tx.connection, current.id, {name: _column(value) for name, value in checked.items()})
        _journal(tx, "webhook.changed", caller.subject, changed, {"changed": " ".join(sorted(checked))})
    if wanted is State.DISABLED and changed.state is State.ENABLED:
        return await disable(tx, caller.subject, changed, DisabledFor.REQUEST)
    if wanted is State.ENABLED and changed.state is State.DISABLED:
        return await _enable(tx, caller.subject, changed)
    return changed


async def disable(tx: Transaction, actor: str, endpoint: Endpoint, reason: DisabledFor) -> Endpoint:
    """Disable an endpoint, locked before: what it still had to hear has failed, and may be asked for again."""
    await webhooks.change(tx.connection, endpoint.id, {"state": State.DISABLED, "disabled_for": reason})
    await deliveries.fail_pending(tx.connection, endpoint.id)
    _journal(tx, "webhook.disabled", actor, endpoint, {"reason": reason.value})
    return replace(endpoint, state=State.DISABLED, disabled_for=reason)


async def _enable(tx: Transaction, actor: str, endpoint: Endpoint) -> Endpoint:
    # That it failed is forgotten when it answers: its lane is that of endpoints that fail until then.
    failing = None if endpoint.failing_since is None else now()
    enabled = {"state": State.ENABLED, "disabled_for": None, "failing_since": failing}
    await webhooks.change(tx.connection, endpoint.id, enabled)
    _journal(tx, "webhook.enabled", actor, endpoint, {})
    return replace(endpoint, state=State.ENABLED, disabled_for=None, failing_since=failing)


async def rotate(tx: Transaction, caller: Caller, seal: WebhookSeal, reference: str, overlap: timedelta) -> Keyed:
    """Give an endpoint another secret; both sign during the overlap. Raises 404."""
    current = await found(tx, caller, reference)
    secret = new_secret()
    until = now() + overlap if overlap else None
    values = {
        "secret": seal.close(secret),
        "former_secret": current.secret if overlap else None,
        "former_until": until,
    }
    await webhooks.change(tx.connection, current.id, values)
    ends = "at_once" if until is None else rfc3339(until)
    _journal(tx, "webhook.secret_rotated", caller.subject, current, {"former_until": ends})
    return Keyed(replace(current, former_until=until), secret, until)


async def remove(tx: Transaction, caller: Caller, reference: str) -> None:
    """Remove an endpoint of the caller's, and all that was to be delivered there: at once, however long its log.

    Raises 404.
    """
    current = await found(tx, caller, reference)
    await webhooks.remove(tx.connection, current.id)
    _journal(tx, "webhook.removed", caller.subject, current, {})


async def found(tx: Transaction, caller: Caller, reference: str) -> Endpoint:
    """Return an endpoint of the caller's, locked. Raises 404 for another's, or a malformed id."""
    owner, wanted = subject_of(caller), as_id(reference)
    endpoint = None
    if owner is not None and wanted is not None:
        endpoint = await webhooks.find(tx.connection, owner, wanted, locked=True)
    if endpoint is None:
        raise not_found()
    return endpoint


async def owner_of(tx: Transaction, caller: Caller) -> Client:
    """Return the client that the caller is. Raises 403 for whoever is none."""
    subject = subject_of(caller)
    owner = None if subject is None else (await clients.among(tx.connection, [subject])).get(subject)
    if owner is None:
        raise clients_only()
    return owner


def subject_of(caller: Caller) -> UUID | None:
    """Return the id of the client that the caller is; None for whoever is no client of ours."""
    kind, _, name = caller.subject.partition(":")
    return as_id(name) if kind == "client" else None


def as_id(text: str) -> UUID | None:
    """Read an id; None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


async def _checked(tx: Transaction, caller: Caller, terms: Mapping[str, Any]) -> dict[str, Any]:
    checked = dict(terms)
    if "events" in terms:
        wanted = sorted({Event(name) for name in terms["events"]})
        refused = [one for one in wanted if not caller.scope(READS[one])]
        if refused:
            raise event_not_yours(refused)
        checked["events"] = tuple(wanted)
    if terms.get("establishments") is not None:
        checked["establishments"] = await _places(tx, caller, terms["establishments"])
    return checked


async def _places(tx: Transaction, caller: Caller, references: Sequence[str]) -> tuple[UUID, ...]:
    scope = caller.scope(Permission.WEBHOOK_MANAGE)
    named = await organisations.establishments(tx.connection, scope, list(references))
    unknown = [reference for reference in references if reference not in named]
    if unknown:
        raise unknown_establishment(unknown)
    return tuple(sorted({named[reference].id for reference in references}))


def _column(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _journal(tx: Transaction, action: str, actor: str, endpoint: Endpoint, details: Mapping[str, str | int]) -> None:
    about = {"owner": f"client:{endpoint.client}", **details}
    tx.journal(event(action, actor, f"webhook:{endpoint.id}", details=about))
