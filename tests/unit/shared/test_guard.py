"""Deny by default: an application with a route that names no permission does not start."""

import pytest
from fastapi import APIRouter, FastAPI

from shared.identity.guard import guarded_routes, permission_of, refuse_unguarded, requires
from shared.identity.rights import RIGHTS, Permission, Role, roles_with


def an_app(*, guarded: bool) -> FastAPI:
    router = APIRouter(prefix="/room/v1")

    @router.get("/things", dependencies=[requires(Permission.CATALOGUE_READ)] if guarded else [])
    async def things() -> None: ...

    app = FastAPI()
    app.include_router(router)
    return app


def test_a_route_without_a_permission_stops_the_start() -> None:
    with pytest.raises(RuntimeError, match="/room/v1/things"):
        refuse_unguarded(an_app(guarded=False))


def test_a_guarded_route_is_found_with_its_permission() -> None:
    app = an_app(guarded=True)

    refuse_unguarded(app)

    assert [(path, permission_of(route)) for path, route in guarded_routes(app)] == [
        ("/room/v1/things", Permission.CATALOGUE_READ)
    ]


def test_every_role_is_in_the_matrix_and_the_operator_reads_no_content() -> None:
    assert set(RIGHTS) == set(Role)
    assert Role.OPERATOR not in roles_with(Permission.CONTENT_READ) | roles_with(Permission.CATALOGUE_READ)
