"""Bearer tokens: only admin's keys and the rooms' secret are believed, and only for their own kind of token."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.clock import now
from shared.identity import tokens
from shared.identity.caller import Mandate, mandates_claim
from shared.identity.rights import Role
from shared.identity.tokens import AUDIENCE, InvalidToken, TokenVerifier, room_token

ISSUER = "http://archive.test"
SECRET = "rooms-under-test-" + "s" * 32
KEY = ec.generate_private_key(ec.SECP256R1())
TOWN = uuid4()
MANDATES = (Mandate(frozenset({Role.DEPOSITOR}), frozenset({TOWN})),)


class Published:
    """Admin's keys."""

    def __init__(self, **keys: ec.EllipticCurvePrivateKey) -> None:
        self.keys = keys

    async def __call__(self) -> dict[str, Any]:
        algorithm = jwt.algorithms.ECAlgorithm
        return {
            "keys": [
                {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid} for kid, key in self.keys.items()
            ]
        }


def claims(**changes: object) -> dict[str, Any]:
    issued = now()
    usual = {
        "sub": "pastell",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": issued,
        "exp": issued + timedelta(minutes=10),
        "mandates": mandates_claim(MANDATES),
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def signed(key: ec.EllipticCurvePrivateKey = KEY, kid: str = "k1", **changes: object) -> str:
    return jwt.encode(claims(**changes), key, algorithm="ES256", headers={"kid": kid})


def a_verifier(published: Published | None = None) -> TokenVerifier:
    return TokenVerifier(ISSUER, SECRET, published or Published(k1=KEY))


def forged(header: dict[str, str], secret: bytes | None) -> str:
    """Write a token by hand, as no library would."""
    body = json.loads(jwt.utils.base64url_decode(signed().split(".")[1]))
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, body)]
    message = b".".join(parts)
    signature = b"" if secret is None else hmac.digest(secret, message, hashlib.sha256)
    return b".".join((message, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()


async def test_a_client_is_known_by_admins_key_with_its_mandates() -> None:
    token = signed()

    caller = await a_verifier().verify(token)

    assert (caller.subject, caller.mandates, caller.token, caller.internal) == (
        "client:pastell",
        MANDATES,
        token,
        False,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": now() - timedelta(seconds=30)},
        {"iss": "http://elsewhere.test"},
        {"iss": tokens.INTERNAL_ISSUER},
        {"aud": "another-service"},
        {"iat": now() + timedelta(hours=1)},
        {"exp": None},
        {"aud": None},
        {"iss": None},
        {"sub": None},
        {"mandates": [{"roles": ["emperor"], "establishments": "*"}]},
        {"mandates": "everything"},
    ],
    ids=[
        "over",
        "another issuer",
        "a room",
        "for another",
        "not begun",
        "no end",
        "no audience",
        "no issuer",
        "no subject",
        "no such role",
        "no mandates",
    ],
)
async def test_a_token_that_is_expired_or_not_for_us_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        await a_verifier().verify(signed(**changes))


async def test_a_clock_a_little_late_is_forgiven() -> None:
    caller = await a_verifier().verify(signed(exp=now() - timedelta(seconds=2)))

    assert caller.subject == "client:pastell"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
async def test_an_unsigned_token_is_refused(algorithm: str) -> None:
    with pytest.raises(InvalidToken):
        await a_verifier().verify(forged({"alg": algorithm, "typ": "JWT", "kid": "k1"}, None))


async def test_a_client_key_used_as_a_secret_proves_nothing() -> None:
    public = KEY.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    for secret in (pem, point, b""):
        with pytest.raises(InvalidToken):
            await a_verifier().verify(forged({"alg": "HS256", "typ": "JWT", "kid": "k1"}, secret))


async def test_a_token_signed_with_the_rooms_secret_names_a_room_and_never_a_client() -> None:
    caller = await a_verifier().verify(room_token("storage", SECRET))
    assert (caller.subject, caller.internal, caller.mandates) == ("room:storage", True, ())

    with pytest.raises(InvalidToken):
        await a_verifier().verify(jwt.encode(claims(), SECRET, algorithm="HS256"))
    with pytest.raises(InvalidToken):
        await a_verifier().verify(room_token("storage", "another-secret-" + "x" * 32))


async def test_while_the_rooms_secret_changes_a_verifier_believes_all_it_was_told_of() -> None:
    other = "the-next-secret-" + "x" * 32
    verifier = TokenVerifier(ISSUER, SECRET, Published(k1=KEY), also=(other,))

    for secret in (SECRET, other):
        assert (await verifier.verify(room_token("storage", secret))).subject == "room:storage"
    with pytest.raises(InvalidToken):
        await verifier.verify(room_token("storage", "a-third-secret-" + "x" * 32))
    with pytest.raises(InvalidToken):
        await verifier.verify(jwt.encode(claims(), other, algorithm="HS256"))


async def test_only_a_room_that_exists_is_known_by_the_rooms_secret() -> None:
    with pytest.raises(InvalidToken):
        await a_verifier().verify(room_token("kitchen", SECRET))


async def test_a_rooms_token_is_short_lived() -> None:
    lived = jwt.decode(room_token("storage", SECRET), options={"verify_signature": False})

    assert lived["exp"] - lived["iat"] <= 60


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.è.à", "..", "\ud800", "e30.e30."])
async def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        await a_verifier().verify(token)


async def test_another_signature_under_a_known_key_id_is_refused() -> None:
    with pytest.raises(InvalidToken):
        await a_verifier().verify(signed(ec.generate_private_key(ec.SECP256R1())))


async def test_a_token_is_verified_once_and_again_when_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    published = Published(k1=KEY)
    verifier = a_verifier(published)
    token, room = signed(), room_token("ingest", SECRET)
    first = [await verifier.verify(one) for one in (token, room)]
    checked = 0

    def counted(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 (PyJWT's own)
        nonlocal checked
        checked += 1
        return decode(*arguments, **named)

    decode = jwt.decode
    monkeypatch.setattr(jwt, "decode", counted)
    assert [await verifier.verify(one) for one in (token, room)] == first
    assert checked == 0

    late = time.time() + 660
    monkeypatch.setattr("shared.identity.tokens.time.time", lambda: late)
    for one in (token, room):
        await verifier.verify(one)
    assert checked == 2
