"""Organisations, and establishments among them."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from services.admin.api.paging import Cursor, IfMatch, PageSize, etag, expected_version, paged
from services.admin.domain.organisation import Kind, Organisation
from services.admin.handlers import organisations as handlers
from services.admin.queries import organisations as queries
from services.admin.schemas import NewEstablishment, NewOrganisation, OrganisationChange, shown_organisation
from shared.identifiers import new_id
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase
from shared.problems import not_found

Reader = Annotated[Caller, requires(Permission.ORGANISATION_READ)]
Manager = Annotated[Caller, requires(Permission.ORGANISATION_MANAGE)]


def routes(database: RoomDatabase) -> APIRouter:
    """Return the routes of organisations."""
    router = APIRouter()
    router.include_router(_establishments(database))
    router.include_router(_organisations(database))
    return router


def _establishments(database: RoomDatabase) -> APIRouter:
    router = APIRouter(prefix="/admin/v1/establishments", tags=["organisations"])

    @router.post("", status_code=201)
    async def create_establishment(body: NewEstablishment, caller: Manager, response: Response) -> dict[str, Any]:
        """Create an establishment; its identifier is free to choose and never taken twice."""
        return await _create(database, caller, _new("establishment", body), response)

    @router.get("")
    async def list_establishments(caller: Reader, cursor: Cursor = None, limit: PageSize = 100) -> dict[str, Any]:
        """List the establishments within the caller's scope."""
        return await _page(database, caller, "establishment", cursor, limit)

    @router.get("/{reference}")
    async def show_establishment(reference: str, caller: Reader, response: Response) -> dict[str, Any]:
        """Return an establishment by id or identifier."""
        return await _show(database, caller, reference, "establishment", response)

    @router.patch("/{reference}")
    async def change_establishment(
        reference: str,
        body: OrganisationChange,
        caller: Manager,
        response: Response,
        if_match: IfMatch = None,
    ) -> dict[str, Any]:
        """Change what the body names of an establishment."""
        return await _change(database, caller, (reference, body, if_match), response)

    return router


def _organisations(database: RoomDatabase) -> APIRouter:
    router = APIRouter(prefix="/admin/v1/organisations", tags=["organisations"])

    @router.post("", status_code=201)
    async def create_organisation(body: NewOrganisation, caller: Manager, response: Response) -> dict[str, Any]:
        """Create an organisation of any kind."""
        return await _create(database, caller, _new(body.kind, body), response)

    @router.get("")
    async def list_organisations(
        caller: Reader, kind: Kind | None = None, cursor: Cursor = None, limit: PageSize = 100
    ) -> dict[str, Any]:
        """List the organisations within the caller's scope."""
        return await _page(database, caller, kind, cursor, limit)

    @router.get("/{reference}")
    async def show_organisation(reference: str, caller: Reader, response: Response) -> dict[str, Any]:
        """Return an organisation by id or identifier."""
        return await _show(database, caller, reference, None, response)

    @router.patch("/{reference}")
    async def change_organisation(
        reference: str,
        body: OrganisationChange,
        caller: Manager,
        response: Response,
        if_match: IfMatch = None,
    ) -> dict[str, Any]:
        """Change what the body names of an organisation."""
        return await _change(database, caller, (reference, body, if_match), response)

    return router


def _new(kind: Kind, body: NewEstablishment) -> Organisation:
    return Organisation(new_id(), 1, kind, body.identifier, body.name, body.siret, body.department)


async def _create(database: RoomDatabase, caller: Caller, new: Organisation, response: Response) -> dict[str, Any]:
    async with database.begin() as tx:
        made = await handlers.create(tx, caller, new)
    folder = "establishments" if made.kind == "establishment" else "organisations"
    response.headers.update({"Location": f"/admin/v1/{folder}/{made.id}", **etag(made.version)})
    return shown_organisation(made)


async def _page(
    database: RoomDatabase, caller: Caller, kind: Kind | None, cursor: Cursor, limit: int
) -> dict[str, Any]:
    scope = caller.scope(Permission.ORGANISATION_READ)
    async with database.engine.connect() as connection:
        found = await queries.page(connection, scope, kind, cursor, limit)
    return paged([shown_organisation(one) for one in found], [one.id for one in found], limit)


async def _show(
    database: RoomDatabase, caller: Caller, reference: str, kind: Kind | None, response: Response
) -> dict[str, Any]:
    scope = caller.scope(Permission.ORGANISATION_READ)
    async with database.engine.connect() as connection:
        found = await queries.find(connection, scope, reference, kind)
    if found is None:
        raise not_found()
    response.headers.update(etag(found.version))
    return shown_organisation(found)


async def _change(
    database: RoomDatabase,
    caller: Caller,
    asked: tuple[str, OrganisationChange, str | None],
    response: Response,
) -> dict[str, Any]:
    reference, body, if_match = asked
    values = body.model_dump(exclude_unset=True)
    async with database.begin() as tx:
        changed = await handlers.change(tx, caller, reference, expected_version(if_match), values)
    response.headers.update(etag(changed.version))
    return shown_organisation(changed)
