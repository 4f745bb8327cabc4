"""The guard on every route: names its permission, verifies the token, hands on the caller."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from shared.identity.caller import Caller
from shared.identity.rights import Permission
from shared.identity.tokens import InvalidToken, TokenVerifier
from shared.problems import Problem
from shared.rates import Turnstile

NoteRefusal = Callable[[str, Permission, str], None]
"""Is told who was refused, the right that was asked for, and the code of the answer (`app.state.note_refusal`)."""

ANONYMOUS = "anonymous"
"""Whoever shows no token that we believe."""


class Guard:
    """A dependency that lets through callers who hold `permission` somewhere.

    Where exactly is for the route to ask: `caller.scope(permission)`; what lies outside is a 404.
    """

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Caller:
        """Return the verified caller. Raises a 401, 403 or 429 `Problem`."""
        if self.permission is Permission.PUBLIC:
            return Caller(ANONYMOUS, (), "")
        verifier: TokenVerifier = request.app.state.verifier
        self._have_noted(request, ANONYMOUS)
        try:
            caller = await verifier.verify(_bearer(request))
        except InvalidToken as error:
            raise _unauthorised() from error
        self._have_noted(request, caller.subject)
        if not caller.internal:
            # Rooms ask on behalf of work that is bounded already, and nobody would read their 429.
            turnstile: Turnstile = request.app.state.turnstile
            turnstile.admit(caller.subject)
        if self.permission is not Permission.SELF and not caller.scope(self.permission):
            raise _forbidden()
        return caller

    def _have_noted(self, request: Request, actor: str) -> None:
        """Have whoever answers this request tell of it where the answer is a refusal (`shared.problems`)."""
        note: NoteRefusal | None = getattr(request.app.state, "note_refusal", None)
        if note is not None:
            request.state.when_refused = partial(note, actor, self.permission)


def requires(permission: Permission) -> Any:  # noqa: ANN401 (FastAPI types its dependencies so)
    """Return the dependency that guards a route with `permission`."""
    return Depends(Guard(permission))


def permission_of(route: APIRoute) -> Permission | None:
    """Return the permission a route names, or None when it names none."""
    for guard in _guards(route.dependant):
        return guard.permission
    return None


def refuse_unguarded(app: FastAPI) -> None:
    """Raise RuntimeError if any route of `app` names no permission: such an app must not start."""
    bare = [path for path, route in guarded_routes(app) if permission_of(route) is None]
    if bare:
        raise RuntimeError(f"routes without a permission: {', '.join(sorted(bare))}")


def guarded_routes(app: FastAPI) -> Iterator[tuple[str, APIRoute]]:
    """Yield path and route of everything `app` answers, but its own description (OpenAPI)."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context.path or "", context.original_route


def _guards(dependant: Dependant) -> Iterator[Guard]:
    for inner in dependant.dependencies:
        call: Callable[..., Awaitable[Any]] | Any = inner.call
        if isinstance(call, Guard):
            yield call
        yield from _guards(inner)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidToken("no bearer token")
    return token.strip()


def _unauthorised() -> Problem:
    return Problem(
        401,
        "unauthorised",
        "Jeton absent, inconnu ou expiré ; demandez-en un autre à /admin/v1/token.",
        "Missing, unknown or expired token; ask /admin/v1/token for another.",
        headers={"WWW-Authenticate": 'Bearer realm="chartrier"'},
    )


def _forbidden() -> Problem:
    return Problem(
        403,
        "forbidden",
        "Aucun de vos mandats ne donne ce droit.",
        "None of your mandates grants this right.",
    )
