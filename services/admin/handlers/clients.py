"""Create, disable and re-key clients; nobody hands out more than their own right, in scope or in kind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.admin.domain import faults
from services.admin.domain.client import MANY, Client, Grant, mandates_of
from services.admin.domain.granting import beyond
from services.admin.domain.secret import OVERLAP, keep, new_secret
from services.admin.handlers.journal import event
from services.admin.problems import everywhere_only, refuse, roles_above, unknown_establishment
from services.admin.queries import clients, organisations
from shared.clock import now, rfc3339
from shared.identifiers import new_id
from shared.identity.caller import Caller, Scope
from shared.identity.rights import Permission, Role
from shared.messaging.transaction import Transaction
from shared.problems import Problem, not_found

ALL = "*"
"""What a mandate names for every establishment, of today and to come."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client shows to get a token, the secret nowhere else; and until when its former secret works."""

    client_id: UUID
    client_secret: str
    former_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client to be created: each mandate names an establishment (id, identifier or `ALL`) and roles."""

    name: str
    organisation: str | None
    mandates: tuple[tuple[str, tuple[Role, ...]], ...]


async def create(tx: Transaction, caller: Caller, new: NewClient) -> Credentials:
    """Create a client. Raises a `Problem`: 403, 404 for what it names, 422 for faults or too many mandates."""
    refuse(faults.found([faults.name_fault(new.name)]))
    scope = caller.scope(Permission.CLIENT_MANAGE)
    grants = await _grants(tx, scope, new.mandates)
    _refuse_above(caller, grants)
    organisation = None
    if new.organisation is not None:
        found = await organisations.find(tx.connection, scope, new.organisation)
        if found is None:
            raise _unknown_organisation(new.organisation)
        organisation = found.id
    return await enter(tx, caller.subject, new.name, organisation, grants)


async def enter(
    tx: Transaction,
    actor: str,
    name: str,
    organisation: UUID | None,
    grants: tuple[Grant, ...],
    *,
    bootstrap: bool = False,
) -> Credentials:
    """Write a new client with its mandates, and journal it where each mandate holds."""
    client_id, secret = new_id(), new_secret()
    client = Client(client_id, name, organisation, "active", bootstrap, keep(secret), now(), None, grants)
    await clients.add(tx.connection, client)
    tx.journal(event("client.created", actor, f"client:{client_id}"))
    for grant in grants:
        roles: dict[str, str | int] = {"roles": " ".join(sorted(grant.roles))}
        tx.journal(event("mandate.given", actor, f"client:{client_id}", grant.establishment, roles))
    return Credentials(client_id, secret)


async def set_state(tx: Transaction, caller: Caller, client_id: UUID, state: str) -> Client:
    """Enable or disable a client; tokens it has already run out by themselves. Raises 404, 403.

    Disabling ends its former secret for good.
    """
    client = await _found(tx, caller, client_id)
    if client.state == state:
        return client
    await clients.set_state(tx.connection, client_id, state)
    done = "client.enabled" if state == "active" else "client.disabled"
    tx.journal(event(done, caller.subject, f"client:{client_id}"))
    return replace(client, state=state, former_secret=None)


async def rotate(tx: Transaction, caller: Caller, client_id: UUID, overlap: timedelta = OVERLAP) -> Credentials:
    """Give a client another secret; its former one works for `overlap` more, and no older one does.

    Raises 404, and 403 for a client above the caller.
    """
    client = await _found(tx, caller, client_id)
    return await re_key(tx, caller.subject, client.id, overlap)


async def re_key(tx: Transaction, actor: str, client_id: UUID, overlap: timedelta = timedelta(0)) -> Credentials:
    """Give a client another secret, and journal it; without an overlap the former one ends at once."""
    secret = new_secret()
    former_until = now() + overlap if overlap else None
    await clients.set_secret(tx.connection, client_id, keep(secret), former_until)
    ends = "at_once" if former_until is None else rfc3339(former_until)
    tx.journal(event("client.secret_rotated", actor, f"client:{client_id}", details={"former_until": ends}))
    return Credentials(client_id, secret, former_until)


async def _found(tx: Transaction, caller: Caller, client_id: UUID) -> Client:
    found = await clients.find(tx.connection, caller.scope(Permission.CLIENT_MANAGE), client_id)
    if found is None:
        raise not_found()
    # Whoever learns a client's secret holds its roles.
    _refuse_above(caller, found.grants)
    return found


def _refuse_above(caller: Caller, grants: tuple[Grant, ...]) -> None:
    if refused := beyond(caller.mandates, grants):
        raise roles_above(refused)


async def _grants(
    tx: Transaction, scope: Scope, mandates: Sequence[tuple[str, tuple[Role, ...]]]
) -> tuple[Grant, ...]:
    named = [reference for reference, _ in mandates if reference != ALL]
    if scope.establishments is not None and len(named) < len(mandates):
        raise everywhere_only()
    found = await organisations.establishments(tx.connection, scope, named)
    unknown = [reference for reference in named if reference not in found]
    if unknown:
        raise unknown_establishment(unknown)
    grants = tuple(Grant(None if reference == ALL else found[reference].id, roles) for reference, roles in mandates)
    if sum(len(mandate.establishments or ()) for mandate in mandates_of(grants)) > MANY:
        raise _too_many()
    return grants


def _too_many() -> Problem:
    return Problem(
        422,
        "too_many_mandates",
        f"Un client nomme au plus {MANY} établissements : son jeton doit tenir dans un en-tête HTTP. "
        "Donnez-lui un mandat sur tous (« * »), ou créez plusieurs clients.",
        f"A client names at most {MANY} establishments: its token has to fit an HTTP header. "
        "Give it a mandate on all of them (“*”), or create several clients.",
    )


def _unknown_organisation(reference: str) -> Problem:
    return Problem(
        404,
        "organisation_not_found",
        f"Organisation introuvable : {reference[:128]}.",
        f"Organisation not found: {reference[:128]}.",
    )
