"""Archival profiles, their versions, and what becomes of these."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.requests import ClientDisconnect

from services.admin.api.paging import Cursor, PageSize, paged
from services.admin.domain.profile import Profile, ProfileVersion
from services.admin.handlers import profiles as handlers
from services.admin.problems import profile_too_large, unusable_profile
from services.admin.profile_trial import Trials, Upload
from services.admin.queries import profiles as queries
from services.admin.schemas import Approval, NewProfile, Withdrawal
from shared.bodies import stream_of
from shared.clock import rfc3339
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase
from shared.problems import Problem, not_found, too_slow
from shared.profiles.bundle import is_zip
from shared.profiles.faults import ProfileFault
from shared.profiles.kinds import Kind
from shared.slowness import TooSlow

Reader = Annotated[Caller, requires(Permission.AGREEMENT_READ)]
Manager = Annotated[Caller, requires(Permission.AGREEMENT_MANAGE)]
Approver = Annotated[Caller, requires(Permission.PROFILE_APPROVE)]
PREFIX = "/admin/v1/profiles"
VERSION = "/{profile_id}/versions/{version}"
XML, ZIP = "application/xml", "application/zip"


def routes(database: RoomDatabase, trials: Trials) -> APIRouter:
    """Return the routes of profiles; what is uploaded is tried by `trials`."""
    router = APIRouter()
    for part in (_reading(database), _managing(database), _uploading(database, trials), _deciding(database)):
        router.include_router(part)
    return router


def _reading(database: RoomDatabase) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["profiles"])

    @router.get("")
    async def list_profiles(
        caller: Reader,
        identifier: Annotated[str | None, Query(max_length=128)] = None,
        cursor: Cursor = None,
        limit: PageSize = 100,
    ) -> dict[str, Any]:
        """List the profiles of the caller's establishments and the platform's; those of one identifier, if asked."""
        scope = caller.scope(Permission.AGREEMENT_READ)
        async with database.engine.connect() as connection:
            page = await queries.page(connection, scope, identifier, cursor, limit)
        return paged([_shown(one) for one in page], [one.id for one in page], limit)

    @router.get("/{profile_id}")
    async def show_profile(profile_id: str, caller: Reader) -> dict[str, Any]:
        """Return a profile by its id."""
        return _shown(await _found(database, caller, profile_id))

    @router.get("/{profile_id}/versions")
    async def list_profile_versions(profile_id: str, caller: Reader) -> dict[str, Any]:
        """Return every version of a profile, the oldest first."""
        found = await _found(database, caller, profile_id)
        async with database.engine.connect() as connection:
            versions = await queries.versions(connection, found.id)
        return {"items": [_shown_version(one) for one in versions], "next": None}

    @router.get(VERSION)
    async def show_profile_version(profile_id: str, version: str, caller: Reader) -> dict[str, Any]:
        """Return what is known of one version: whose it is, what it is for, who approved it and when."""
        return _shown_version(await _found_version(database, caller, profile_id, version))

    @router.get(
        VERSION + "/content",
        response_class=Response,
        responses={200: {"content": {XML: {}, ZIP: {}}}, 304: {"description": "As known."}},
    )
    async def get_profile_content(
        profile_id: str, version: str, caller: Reader, if_none_match: Annotated[str | None, Header()] = None
    ) -> Response:
        """Return a version's bytes, as they were uploaded."""
        found = await _found_version(database, caller, profile_id, version)
        headers = {"ETag": f'"{found.sha512}"', "Cache-Control": "private, max-age=31536000, immutable"}
        if if_none_match is not None and found.sha512 in if_none_match:
            return Response(status_code=304, headers=headers)
        async with database.engine.connect() as connection:
            content = await queries.content(connection, found.profile, found.version)
        if content is None:
            raise not_found()
        return Response(content, media_type=ZIP if is_zip(content) else XML, headers=headers)

    return router


def _managing(database: RoomDatabase) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["profiles"])

    @router.post("", status_code=201)
    async def create_profile(body: NewProfile, caller: Manager, response: Response) -> dict[str, Any]:
        """Make a profile, of an establishment or, without one, of the platform; it has no version yet."""
        async with database.begin() as tx:
            made = await handlers.create(tx, caller, body.establishment, body.identifier, body.name)
        response.headers["Location"] = f"{PREFIX}/{made.id}"
        return _shown(made)

    return router


def _uploading(database: RoomDatabase, trials: Trials) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["profiles"])

    @router.post("/{profile_id}/versions", status_code=201, responses={200: {"description": "The newest, again."}})
    async def upload_profile_version(
        request: Request,
        profile_id: str,
        caller: Manager,
        response: Response,
        kind: Kind,
        entry: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    ) -> dict[str, Any]:
        """Take a version of a profile: one schema document as body, or a ZIP of several that begins in `entry`.

        It is compiled before it is taken, and a draft then: somebody else approves it.
        """
        async with database.begin() as tx:
            await handlers.own(tx, caller, Permission.AGREEMENT_MANAGE, profile_id)
        given = Upload(await _body(request, trials.limit), kind, entry)
        try:
            seda_versions = await trials.seda_versions(given)
        except ProfileFault as fault:
            raise unusable_profile(fault) from fault
        async with database.begin() as tx:
            taken, is_new = await handlers.upload(tx, caller, profile_id, given, seda_versions)
        response.status_code = 201 if is_new else 200
        response.headers["Location"] = f"{PREFIX}/{taken.profile}/versions/{taken.version}"
        return _shown_version(taken)

    return router


def _deciding(database: RoomDatabase) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["profiles"])

    @router.post(VERSION + "/approve")
    async def approve_profile_version(
        profile_id: str, version: str, body: Approval, caller: Approver
    ) -> dict[str, Any]:
        """Approve a version that somebody else has uploaded: agreements may list it from now on."""
        async with database.begin() as tx:
            approved = await handlers.approve(tx, caller, profile_id, _number(version), body.model_dump())
        return _shown_version(approved)

    @router.post(VERSION + "/withdraw")
    async def withdraw_profile_version(
        profile_id: str, version: str, body: Withdrawal, caller: Approver
    ) -> dict[str, Any]:
        """Withdraw an approved version: what would be judged by it is refused from now on."""
        async with database.begin() as tx:
            withdrawn = await handlers.withdraw(tx, caller, profile_id, _number(version), body.reason)
        return _shown_version(withdrawn)

    return router


async def _body(request: Request, limit: int) -> bytes:
    taken = bytearray()
    try:
        async for chunk in stream_of(request):
            taken += chunk
            if len(taken) > limit:
                raise profile_too_large(limit)
    except ClientDisconnect as error:
        raise Problem(400, "truncated", "Le corps s'est interrompu.", "The body was cut short.") from error
    except TooSlow as error:
        raise too_slow() from error
    return bytes(taken)


async def _found(database: RoomDatabase, caller: Caller, profile_id: str) -> Profile:
    async with database.engine.connect() as connection:
        found = await queries.find(connection, caller.scope(Permission.AGREEMENT_READ), profile_id)
    if found is None:
        raise not_found()
    return found


async def _found_version(database: RoomDatabase, caller: Caller, profile_id: str, version: str) -> ProfileVersion:
    profile = await _found(database, caller, profile_id)
    async with database.engine.connect() as connection:
        found = await queries.version(connection, profile.id, _number(version))
    if found is None:
        raise not_found()
    return found


def _number(version: str) -> int:
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise not_found()
    return int(version)


def _shown(profile: Profile) -> dict[str, Any]:
    owner = profile.establishment
    return {
        "id": str(profile.id),
        "identifier": profile.identifier,
        "establishment": None if owner is None else str(owner),
        "name": profile.name,
        "version": profile.version,
    }


def _shown_version(version: ProfileVersion) -> dict[str, Any]:
    moments = {name: getattr(version, name) for name in ("uploaded_at", "approved_at", "withdrawn_at")}
    names = ("version", "kind", "entry", "sha512", "size", "state", "uploaded_by", "approved_by", "declared")
    return {
        "id": str(version.id),
        "profile": str(version.profile),
        **{name: getattr(version, name) for name in names},
        "seda_versions": list(version.seda_versions),
        "declared_on": None if version.declared_on is None else str(version.declared_on),
        "withdrawn_by": version.withdrawn_by,
        "reason": version.reason,
        **{name: None if at is None else rfc3339(at) for name, at in moments.items()},
    }
