"""Agreements and their versions."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from services.admin.api.paging import Cursor, IfMatch, PageSize, etag, expected_version, paged
from services.admin.handlers import agreements as handlers
from services.admin.problems import unknown_establishment
from services.admin.queries import agreements as queries
from services.admin.queries import organisations
from services.admin.schemas import AgreementChange, NewAgreement
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messages.admin import AgreementV1
from shared.messaging.transaction import RoomDatabase
from shared.problems import not_found

Reader = Annotated[Caller, requires(Permission.AGREEMENT_READ)]
Manager = Annotated[Caller, requires(Permission.AGREEMENT_MANAGE)]
PREFIX = "/admin/v1/agreements"


def routes(database: RoomDatabase) -> APIRouter:
    """Return the routes of agreements."""
    router = APIRouter()
    router.include_router(_reading(database))
    router.include_router(_managing(database))
    return router


def _reading(database: RoomDatabase) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["agreements"])

    @router.get("")
    async def list_agreements(
        caller: Reader, establishment: str | None = None, cursor: Cursor = None, limit: PageSize = 100
    ) -> dict[str, Any]:
        """List current versions within the caller's scope; of one establishment (id or identifier), if asked."""
        scope = caller.scope(Permission.AGREEMENT_READ)
        async with database.engine.connect() as connection:
            only = None
            if establishment is not None:
                found = await organisations.find(connection, scope, establishment, "establishment")
                if found is None:
                    raise unknown_establishment([establishment])
                only = found.id
            page = await queries.page(connection, scope, only, cursor, limit)
        return paged([_shown(one) for one in page], [one.id for one in page], limit)

    @router.get("/{reference}")
    async def show_agreement(reference: str, caller: Reader, response: Response) -> dict[str, Any]:
        """Return the current version of an agreement by id or identifier."""
        found = await _found(database, caller, reference)
        response.headers.update(etag(found.version))
        return _shown(found)

    @router.get("/{reference}/versions")
    async def list_versions(reference: str, caller: Reader) -> dict[str, Any]:
        """Return every version of an agreement, the oldest first."""
        found = await _found(database, caller, reference)
        async with database.engine.connect() as connection:
            versions = await queries.versions(connection, found.id)
        return {"items": [{**_shown(one), "published_by": author} for one, author in versions], "next": None}

    return router


def _managing(database: RoomDatabase) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["agreements"])

    @router.post("", status_code=201)
    async def create_agreement(body: NewAgreement, caller: Manager, response: Response) -> dict[str, Any]:
        """Make an agreement with an establishment; it is in force at once, within its dates."""
        terms = body.model_dump(exclude={"establishment"})
        async with database.begin() as tx:
            made = await handlers.create(tx, caller, body.establishment, terms)
        response.headers.update({"Location": f"{PREFIX}/{made.id}", **etag(made.version)})
        return _shown(made)

    @router.patch("/{reference}")
    async def change_agreement(
        reference: str,
        body: AgreementChange,
        caller: Manager,
        response: Response,
        if_match: IfMatch = None,
    ) -> dict[str, Any]:
        """Publish a further version with what the body names changed."""
        terms = body.model_dump(exclude_unset=True)
        return await _change(database, caller, (reference, if_match, terms), response)

    @router.post("/{reference}/suspend")
    async def suspend_agreement(
        reference: str, caller: Manager, response: Response, if_match: IfMatch = None
    ) -> dict[str, Any]:
        """Suspend an agreement: no deposit is taken under it until a PATCH makes it active again."""
        return await _change(database, caller, (reference, if_match, {"state": "suspended"}), response)

    return router


async def _found(database: RoomDatabase, caller: Caller, reference: str) -> AgreementV1:
    async with database.engine.connect() as connection:
        found = await queries.find(connection, caller.scope(Permission.AGREEMENT_READ), reference)
    if found is None:
        raise not_found()
    return found


async def _change(
    database: RoomDatabase,
    caller: Caller,
    asked: tuple[str, str | None, dict[str, Any]],
    response: Response,
) -> dict[str, Any]:
    reference, if_match, terms = asked
    async with database.begin() as tx:
        changed = await handlers.change(tx, caller, reference, expected_version(if_match), terms)
    response.headers.update(etag(changed.version))
    return _shown(changed)


def _shown(agreement: AgreementV1) -> dict[str, Any]:
    return agreement.model_dump(mode="json")
