"""Clients: programs that act under mandates."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.admin.api.paging import Cursor, PageSize, paged
from services.admin.handlers import clients as handlers
from services.admin.queries import clients as queries
from services.admin.schemas import ClientChange, NewClientBody, SecretRotation, shown_client
from shared.clock import rfc3339
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase
from shared.problems import not_found

Manager = Annotated[Caller, requires(Permission.CLIENT_MANAGE)]
PREFIX = "/admin/v1/clients"
USUAL_ROTATION = SecretRotation()
SECRET = {"Cache-Control": "no-store"}
"""Answers with a secret are kept nowhere on their way."""


def routes(database: RoomDatabase) -> APIRouter:
    """Return the routes of clients."""
    router = APIRouter()
    router.include_router(_clients(database))
    router.include_router(_access(database))
    return router


def _clients(database: RoomDatabase) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["clients"])

    @router.post("", status_code=201)
    async def create_client(body: NewClientBody, caller: Manager, response: Response) -> dict[str, str]:
        """Create a client; its secret is shown this once."""
        mandates = tuple((mandate.establishment, mandate.roles) for mandate in body.mandates)
        new = handlers.NewClient(body.name, body.organisation, mandates)
        async with database.begin() as tx:
            made = await handlers.create(tx, caller, new)
        response.headers.update({"Location": f"{PREFIX}/{made.client_id}", **SECRET})
        return _credentials(made)

    @router.get("")
    async def list_clients(caller: Manager, cursor: Cursor = None, limit: PageSize = 100) -> dict[str, Any]:
        """List the clients whose mandates all lie within the caller's scope."""
        scope = caller.scope(Permission.CLIENT_MANAGE)
        async with database.engine.connect() as connection:
            found = await queries.page(connection, scope, cursor, limit)
        return paged([shown_client(one) for one in found], [one.id for one in found], limit)

    @router.get("/{client_id}")
    async def show_client(client_id: UUID, caller: Manager) -> dict[str, Any]:
        """Return a client, without its secret."""
        async with database.engine.connect() as connection:
            found = await queries.find(connection, caller.scope(Permission.CLIENT_MANAGE), client_id)
        if found is None:
            raise not_found()
        return shown_client(found)

    return router


def _access(database: RoomDatabase) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["clients"])

    @router.patch("/{client_id}")
    async def change_client(client_id: UUID, body: ClientChange, caller: Manager) -> dict[str, Any]:
        """Disable a client, or let it in again."""
        async with database.begin() as tx:
            return shown_client(await handlers.set_state(tx, caller, client_id, body.state))

    @router.delete("/{client_id}", status_code=204)
    async def disable_client(client_id: UUID, caller: Manager) -> None:
        """Disable a client for good: journals name it, so it is never removed."""
        async with database.begin() as tx:
            await handlers.set_state(tx, caller, client_id, "disabled")

    @router.post("/{client_id}/secret")
    async def rotate_secret(
        client_id: UUID, caller: Manager, response: Response, body: SecretRotation = USUAL_ROTATION
    ) -> dict[str, str | None]:
        """Give a client another secret, shown this once; the one before works for `overlap_seconds` more.

        Without a body that is a day, so that its program goes on while it is told the new one; 30 days at most.
        For a secret that has leaked, send 0: the former one is worth nothing at once. Only one former secret is
        ever kept, so a second rotation ends the one before the last.
        """
        overlap = timedelta(seconds=body.overlap_seconds)
        async with database.begin() as tx:
            made = await handlers.rotate(tx, caller, client_id, overlap)
        response.headers.update(SECRET)
        until = None if made.former_until is None else rfc3339(made.former_until)
        return {**_credentials(made), "former_secret_until": until}

    return router


def _credentials(made: handlers.Credentials) -> dict[str, str]:
    return {"client_id": str(made.client_id), "client_secret": made.client_secret}
