"""The token endpoint (RFC 6749 §3.2, client credentials only) and the keys that verify its tokens."""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from services.admin.api.door import TokenDoor
from services.admin.handlers import tokens as handlers
from services.admin.signing import Signer
from shared.descriptions import content_of
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase
from shared.rates import address_of

LONGEST_BODY = 8192
"""Bytes of a request for a token that we read: ten times what an honest one has."""

KEYS_MAX_AGE = 30
"""Seconds for which a cache on the way may answer for us with our public keys; a revoked key lives on in it."""

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
CHALLENGE = {"WWW-Authenticate": 'Basic realm="chartrier", charset="UTF-8"'}

ASKED: dict[str, Any] = {
    "required": True,
    **content_of(
        "application/x-www-form-urlencoded",
        {
            "type": "object",
            "properties": {
                "grant_type": {"const": "client_credentials"},
                "client_id": {"type": "string"},
                "client_secret": {"type": "string"},
            },
            "required": ["grant_type"],
        },
    ),
}
_REFUSED = content_of(
    "application/json",
    {
        "type": "object",
        "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
        "required": ["error", "error_description"],
    },
)
ANSWERS: dict[int | str, dict[str, Any]] = {400: _REFUSED, 401: _REFUSED}
"""In the words of RFC 6749 §5.2 and not of problem documents, for whoever has an OAuth library."""


class TokenRefused(Exception):
    """Why no token is given, in the words of RFC 6749 §5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


def routes(database: RoomDatabase, signer: Signer, issuer: str, door: TokenDoor) -> APIRouter:
    """Return the routes that anybody may call."""
    router = APIRouter(tags=["tokens"], dependencies=[requires(Permission.PUBLIC)])

    @router.post("/admin/v1/token", responses=ANSWERS, openapi_extra={"requestBody": ASKED})
    async def give_token(request: Request) -> JSONResponse:
        """Give a bearer token to a client (HTTP Basic, or client_id and client_secret in the form)."""
        address = address_of(request)
        door.admit(address)
        try:
            client_id, secret = await _credentials(request)
        except TokenRefused as refused:
            return _refusal(refused)
        door.let_guess(client_id, address)
        client, counted = await handlers.client_of(database, client_id, secret)
        if client is None:
            door.note_wrong(client_id, address)
            no = TokenRefused("invalid_client", "Unknown client or wrong secret.")
            # After the answer: whether there was a line to write must not show in its time.
            return _refusal(no, BackgroundTask(handlers.note_refusal, database, counted))
        token = await handlers.issue(database, await signer.key(), issuer, client)
        seconds = int(handlers.LIFETIME.total_seconds())
        body = {"access_token": token, "token_type": "Bearer", "expires_in": seconds}
        return JSONResponse(body, headers=NO_STORE)

    @router.get("/admin/v1/jwks.json")
    async def show_keys() -> JSONResponse:
        """Return the public keys by which tokens are verified (RFC 7517)."""
        headers = {"Cache-Control": f"public, max-age={KEYS_MAX_AGE}"}
        return JSONResponse(await signer.published(), headers=headers)

    return router


async def _credentials(request: Request) -> tuple[str, str]:
    form = await _form(request)
    if form.get("grant_type") is None:
        raise TokenRefused("invalid_request", "grant_type is missing.")
    if form["grant_type"] != "client_credentials":
        raise TokenRefused("unsupported_grant_type", "Only client_credentials is supported.")
    header = request.headers.get("authorization")
    if header is None:
        if "client_id" not in form:
            raise TokenRefused("invalid_client", "No client authentication.")
        return form["client_id"], form.get("client_secret", "")
    if "client_secret" in form:
        raise TokenRefused("invalid_request", "Credentials in the header and in the form.")
    return _basic(header)


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise TokenRefused("invalid_request", "The body must be application/x-www-form-urlencoded.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise TokenRefused("invalid_request", "The body is too long.")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise TokenRefused("invalid_request", "The body is not a form in UTF-8.") from error
    if any(len(values) > 1 for values in fields.values()):
        raise TokenRefused("invalid_request", "A parameter is given twice.")
    return {name: values[0] for name, values in fields.items()}


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise TokenRefused("invalid_client", "The Authorization header cannot be read.") from error
    client_id, colon, secret = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise TokenRefused("invalid_client", "Basic authentication is expected.")
    # RFC 6749 §2.3.1: both are form-encoded before they are joined.
    return unquote_plus(client_id), unquote_plus(secret)


def _refusal(refused: TokenRefused, background: BackgroundTask | None = None) -> JSONResponse:
    unknown = refused.error == "invalid_client"
    headers = {**NO_STORE, **(CHALLENGE if unknown else {})}
    body = {"error": refused.error, "error_description": refused.description}
    return JSONResponse(body, 401 if unknown else 400, headers, background=background)
