"""The HTTP edge of data management: units and objects are found and read here, by scope."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.data_management import schemas
from services.data_management.consulting import Consultations
from services.data_management.domain.search import (
    BadCursor,
    Place,
    Search,
    decode_place,
    encode_place,
    searchable,
)
from services.data_management.queries import purges, reading
from services.data_management.queries.scope import look_within
from shared.days import Day
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase
from shared.problems import Problem, not_found

router = APIRouter(prefix="/data_management/v1", tags=["catalogue"])

PAGE = 50
LARGEST_PAGE = 200


def _database(request: Request) -> RoomDatabase:
    database: RoomDatabase = request.app.state.database
    return database


def _consultations(request: Request) -> Consultations:
    consultations: Consultations = request.app.state.consultations
    return consultations


Noted = Annotated[Consultations, Depends(_consultations)]
Reader = Annotated[Caller, requires(Permission.CATALOGUE_READ)]
Database = Annotated[RoomDatabase, Depends(_database)]


class Paging(BaseModel):
    """Which page, and how long."""

    limit: int = Field(PAGE, ge=1, le=LARGEST_PAGE)
    cursor: str | None = Field(None, max_length=200)

    def after(self) -> Place | None:
        """Return the place where the page before ended. Raises a 400 `Problem`."""
        try:
            return None if self.cursor is None else decode_place(self.cursor)
        except BadCursor as error:
            raise Problem(
                400, "bad_cursor", "Ce curseur n'est pas des nôtres.", "This cursor is not one of ours."
            ) from error


class UnitQuery(Paging):
    """What units to list. `q` is words (all of them, “a phrase”, -without), accents and plurals regardless.

    `start_from` and `end_to` bound the days a unit covers; its dates may be as vague as a year.
    """

    model_config = ConfigDict(extra="forbid")

    q: str | None = Field(None, max_length=500)
    establishment: UUID | None = None
    level: str | None = Field(None, max_length=100)
    aip: UUID | None = None
    transfer: UUID | None = None
    identifier: str | None = Field(None, min_length=1, max_length=500)
    start_from: Day | None = None
    end_to: Day | None = None
    parent: UUID | None = None

    def search(self) -> Search:
        """Return the search asked for, wherever the caller may look."""
        return Search(
            establishments=None if self.establishment is None else (self.establishment,),
            words=searchable(self.q or "") or None,
            identifier=self.identifier,
            level=self.level,
            aip=self.aip,
            transfer=self.transfer,
            parent=self.parent,
            start_from=self.start_from,
            end_to=self.end_to,
        )


@router.get("/units")
async def search_units(
    caller: Reader, database: Database, consultations: Noted, query: Annotated[UnitQuery, Query()]
) -> schemas.UnitPage:
    """Search the archive units that the caller may see.

    By relevance while 2,000 units or fewer answer the words; else, and without words, newest first.
    """
    after, search = query.after(), query.search()
    async with database.engine.connect() as connection:
        await _enter(connection, caller)
        page = await reading.search(connection, search, after, query.limit)
        listed = await _listed(connection, page)
    await consultations.searched(caller, search, page)
    return listed


@router.get("/units/{unit_id}")
async def get_unit(caller: Reader, database: Database, consultations: Noted, unit_id: str) -> schemas.FullUnit:
    """Return one archive unit with its whole description."""
    async with consultations.refusals_noted(caller, "unit", unit_id), database.engine.connect() as connection:
        await _enter(connection, caller)
        wanted = _identifier(unit_id)
        row = await reading.unit(connection, wanted)
        if row is None:
            raise await _absent(connection, caller, wanted)
        if row.establishment not in caller.scope(Permission.CATALOGUE_READ):
            raise not_found()
        objects = await reading.objects_of(connection, [row])
    await consultations.described(caller, row.id, row.establishment, "unit")
    return schemas.full_unit_of(row, objects[row.id])


@router.get("/units/{unit_id}/children")
async def list_children(
    caller: Reader, database: Database, consultations: Noted, unit_id: str, paging: Annotated[Paging, Query()]
) -> schemas.UnitPage:
    """List the units directly below one, in the order of the deposit."""
    after = paging.after()
    async with consultations.refusals_noted(caller, "unit", unit_id), database.engine.connect() as connection:
        parent = await _seen(connection, caller, unit_id)
        page = await reading.children(connection, parent.id, after, paging.limit)
        listed = await _listed(connection, page)
    await consultations.described(caller, parent.id, parent.establishment, "children")
    return listed


@router.get("/units/{unit_id}/branch")
async def list_branch(
    caller: Reader, database: Database, consultations: Noted, unit_id: str, paging: Annotated[Paging, Query()]
) -> schemas.FullUnitPage:
    """List a unit and all that is below it with their whole descriptions, parents first."""
    after = paging.after()
    async with consultations.refusals_noted(caller, "unit", unit_id), database.engine.connect() as connection:
        root = await _seen(connection, caller, unit_id)
        page = await reading.branch(connection, root.id, after, paging.limit)
        objects = await reading.objects_of(connection, page.units)
    await consultations.described(caller, root.id, root.establishment, "branch")
    return schemas.FullUnitPage(
        items=[schemas.full_unit_of(row, objects[row.id]) for row in page.units],
        next=_cursor(page),
        **schemas.total_of(page.total),
    )


@router.get("/objects/{object_id}")
async def get_object(caller: Reader, database: Database, consultations: Noted, object_id: str) -> schemas.DataObject:
    """Return one data object, and where its bytes lie in its AIP."""
    async with consultations.refusals_noted(caller, "object", object_id), database.engine.connect() as connection:
        await _enter(connection, caller)
        row = await reading.data_object(connection, _identifier(object_id))
        if row is None or row.establishment not in caller.scope(Permission.CATALOGUE_READ):
            raise not_found()
        return schemas.DataObject.of(row)


async def _enter(connection: AsyncConnection, caller: Caller) -> None:
    await look_within(connection, caller.scope(Permission.CATALOGUE_READ).establishments)


async def _seen(connection: AsyncConnection, caller: Caller, unit_id: str) -> Row[Any]:
    """Return a unit the caller may see; foreign, unknown and malformed ids are alike a 404."""
    await _enter(connection, caller)
    row = await reading.unit(connection, _identifier(unit_id))
    if row is None or row.establishment not in caller.scope(Permission.CATALOGUE_READ):
        raise not_found()
    return row


async def _absent(connection: AsyncConnection, caller: Caller, unit_id: UUID) -> Problem:
    """Return the answer for a unit that is not there: 410 where the caller could see it before its elimination."""
    gone = await purges.purged_unit(connection, unit_id)
    if gone is None or gone[0] not in caller.scope(Permission.CATALOGUE_READ):
        return not_found()
    return Problem(
        410,
        "unit_purged",
        "Cette unité d'archives a été éliminée ; seul son identifiant est conservé.",
        "This archive unit was eliminated; only its identifier is kept.",
        extra={"order": str(gone[1])},
    )


async def _listed(connection: AsyncConnection, page: reading.Page) -> schemas.UnitPage:
    objects = await reading.objects_of(connection, page.units)
    items = [schemas.unit_of(row, objects[row.id]) for row in page.units]
    return schemas.UnitPage(items=items, next=_cursor(page), **schemas.total_of(page.total))


def _cursor(page: reading.Page) -> str | None:
    return None if page.following is None else encode_place(page.following)


def _identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise not_found() from error
