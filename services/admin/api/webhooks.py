"""Webhooks: endpoints of the client that asks."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Response

from services.admin.adapters.names import Resolve
from services.admin.api.paging import Cursor, PageSize, paged
from services.admin.domain.addresses import Network, refused
from services.admin.domain.receiver import address_fault, host_and_port, url_fault
from services.admin.domain.webhook import Endpoint
from services.admin.handlers import webhooks as handlers
from services.admin.problems import refuse
from services.admin.queries import webhooks as queries
from services.admin.schemas import SecretRotation
from services.admin.webhook_schemas import NewWebhook, WebhookChange, shown_webhook
from services.admin.webhook_secrets import WebhookSeal
from shared.clock import rfc3339
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase
from shared.problems import not_found

Owner = Annotated[Caller, requires(Permission.WEBHOOK_MANAGE)]
PREFIX = "/admin/v1/webhooks"
USUAL_ROTATION = SecretRotation()
SECRET = {"Cache-Control": "no-store"}
"""Answers with a secret are kept nowhere on their way."""

ASKING_SECONDS = 5.0
"""How long a name server may take; a name that it does not know is taken, and looked at with each delivery."""


@dataclass(frozen=True, slots=True)
class Doorstep:
    """What is asked of the address of an endpoint before it is taken."""

    resolve: Resolve
    allowed: tuple[Network, ...]
    plain: bool

    async def look(self, terms: Mapping[str, Any]) -> None:
        """Raise a 422 `Problem` for an address that no webhook would go to."""
        url = terms.get("url")
        if url is None:
            return
        fault = url_fault(url, plain=self.plain)
        refuse([] if fault is None else [fault])
        found: list[str] = []
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(ASKING_SECONDS):
                found += await self.resolve(*host_and_port(url))
        refuse([address_fault()] if refused(found, self.allowed) else [])


def routes(database: RoomDatabase, seal: WebhookSeal, doorstep: Doorstep) -> APIRouter:
    """Return the routes of endpoints."""
    router = APIRouter()
    router.include_router(_reading(database))
    router.include_router(_managing(database, seal, doorstep))
    return router


def _reading(database: RoomDatabase) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["webhooks"])

    @router.get("")
    async def list_webhooks(caller: Owner, cursor: Cursor = None, limit: PageSize = 100) -> dict[str, Any]:
        """List the caller's own webhooks."""
        owner = handlers.subject_of(caller)
        found: list[Endpoint] = []
        if owner is not None:
            async with database.reading() as connection:
                found = await queries.page(connection, owner, cursor, limit)
        return paged([shown_webhook(one) for one in found], [one.id for one in found], limit)

    @router.get("/{webhook_id}")
    async def show_webhook(webhook_id: str, caller: Owner) -> dict[str, Any]:
        """Return a webhook of the caller's, without its secret."""
        return shown_webhook(await own(database, caller, webhook_id))

    return router


def _managing(database: RoomDatabase, seal: WebhookSeal, doorstep: Doorstep) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["webhooks"])

    @router.post("", status_code=201)
    async def create_webhook(body: NewWebhook, caller: Owner, response: Response) -> dict[str, Any]:
        """Make a webhook; its secret is shown this once. It hears what the caller's mandates let the caller read."""
        terms = body.model_dump()
        await doorstep.look(terms)
        async with database.begin() as tx:
            made = await handlers.create(tx, caller, seal, terms)
        response.headers.update({"Location": f"{PREFIX}/{made.endpoint.id}", **SECRET})
        return {**shown_webhook(made.endpoint), "secret": made.secret}

    @router.patch("/{webhook_id}")
    async def change_webhook(webhook_id: str, body: WebhookChange, caller: Owner) -> dict[str, Any]:
        """Change what the body names of a webhook, or disable it, or let it hear again."""
        terms = body.model_dump(exclude_unset=True)
        await own(database, caller, webhook_id)
        await doorstep.look(terms)
        async with database.begin() as tx:
            return shown_webhook(await handlers.change(tx, caller, webhook_id, terms))

    @router.delete("/{webhook_id}", status_code=204)
    async def remove_webhook(webhook_id: str, caller: Owner) -> None:
        """Remove a webhook and the log of its deliveries."""
        async with database.begin() as tx:
            await handlers.remove(tx, caller, webhook_id)

    @router.post("/{webhook_id}/rotate-secret")
    async def rotate_secret(
        webhook_id: str, caller: Owner, response: Response, body: SecretRotation = USUAL_ROTATION
    ) -> dict[str, Any]:
        """Give a webhook another secret, shown this once; both sign each message for `overlap_seconds` more."""
        overlap = timedelta(seconds=body.overlap_seconds)
        async with database.begin() as tx:
            made = await handlers.rotate(tx, caller, seal, webhook_id, overlap)
        response.headers.update(SECRET)
        until = None if made.former_until is None else rfc3339(made.former_until)
        return {"id": str(made.endpoint.id), "secret": made.secret, "former_secret_until": until}

    return router


async def own(database: RoomDatabase, caller: Caller, reference: str) -> Endpoint:
    """Return a webhook of the caller's. Raises 404 for another's, or a malformed id."""
    owner, wanted = handlers.subject_of(caller), handlers.as_id(reference)
    found = None
    if owner is not None and wanted is not None:
        async with database.reading() as connection:
            found = await queries.find(connection, owner, wanted)
    if found is None:
        raise not_found()
    return found
