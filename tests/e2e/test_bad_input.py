"""What is refused at the door: strangers, wrong agreements, bodies that are not what they say."""

import base64
import hashlib
import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.clock import now
from shared.identity.tokens import AUDIENCE, INTERNAL_ISSUER
from tests.e2e.traces import eventually, journal_lines, unfinished
from trials.towns import Archive, Town, a_package, a_town

pytestmark = pytest.mark.e2e

TRANSFERS = "/ingest/v1/transfers"
DOORS = (
    TRANSFERS,
    "/access/v1/units",
    "/admin/v1/agreements",
    "/proof/v1/journals",
    f"/storage/v1/aips/{uuid4()}/copies",
    "/data_management/v1/units",
)


@pytest.fixture(scope="module")
def town(archive: Archive) -> Town:
    return a_town(archive, max_bytes=3 * 2**20)


@pytest.fixture
def http(town: Town) -> Iterator[httpx.Client]:
    with town.http() as client:
        yield client


def told(answer: httpx.Response, status: int, code: str) -> str:
    """Check that an answer is a problem of this status and code, and return its sentence."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:chartrier:problem:{code}")
    return str(body["detail"])


def told_twice(http: httpx.Client, request: dict[str, Any], status: int, code: str) -> tuple[str, str]:
    """Send a request in French (said by nobody) and in English; return both sentences, which differ."""
    french = told(http.request(**request), status, code)
    english = told(http.request(**request, headers={"Accept-Language": "en"}), status, code)
    assert french
    assert english
    assert french != english
    return french, english


def internal_secret(archive: Archive) -> str:
    if archive.kind == "all-in-one":
        return (archive.home / "all-in-one" / "internal-secret").read_text(encoding="utf-8")
    return str(json.loads((archive.home / "stack.json").read_text(encoding="utf-8"))["internal_secret"])


def a_room_token(secret: str, **claims: object) -> str:
    times = {"iat": now() - timedelta(hours=2), "exp": now() + timedelta(minutes=1)}
    facts = {"sub": "ingest", "iss": INTERNAL_ISSUER, "aud": AUDIENCE, **times, **claims}
    return jwt.encode(facts, secret, algorithm="HS256")


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def wrong_tokens(archive: Archive, town: Town) -> dict[str, str | None]:
    good = archive.token(town.client_id, town.client_secret)
    header, claims = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})
    everywhere = {**claims, "mandates": [{"roles": ["administrator", "reader"], "establishments": "*"}]}
    signature = good.rpartition(".")[2]
    stranger = ec.generate_private_key(ec.SECP256R1())
    key_set = httpx.get(f"{archive.base_url}/admin/v1/jwks.json").raise_for_status().json()
    public = jwt.PyJWKSet.from_dict(key_set).keys[0].key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secret = internal_secret(archive)
    return {
        "none": None,
        "accents": "jeton à moi",
        "garbage": "n'importe quoi",
        "three dots": "..",
        "cut": good[:-2],
        "mandates changed": f"{_part(header)}.{_part(everywhere)}.{signature}",
        "signature of another key": jwt.encode(
            everywhere, stranger, algorithm="ES256", headers={"kid": header["kid"]}
        ),
        "key of a stranger": jwt.encode(claims, stranger, algorithm="ES256", headers={"kid": "stranger"}),
        "no algorithm": f"{_part({**header, 'alg': 'none'})}.{_part(everywhere)}.",
        "public key as secret": jwt.encode(everywhere, public, algorithm="HS256"),
        "room, wrong secret": a_room_token("s" * 48),
        "room, expired": a_room_token(secret, exp=now() - timedelta(minutes=1)),
        "room, other issuer": a_room_token(secret, iss="somebody"),
        "room, other audience": a_room_token(secret, aud="somebody"),
        "room, of the future": a_room_token(secret, nbf=now() + timedelta(hours=1)),
    }


def test_a_token_that_is_not_ours_or_is_over_opens_no_door(archive: Archive, town: Town) -> None:
    for name, token in wrong_tokens(archive, town).items():
        with archive.http(None) as http:
            if token is not None:
                http.headers = httpx.Headers([(b"Authorization", b"Bearer " + token.encode())])
            for door in DOORS:
                answers = [http.get(door, headers={"Accept-Language": language}) for language in ("fr", "en")]
                french, english = (told(answer, 401, "unauthorised") for answer in answers)
                assert answers[0].headers["WWW-Authenticate"] == 'Bearer realm="chartrier"', name
                assert ("expiré" in french, "expired" in english) == (True, True)


def test_the_same_tokens_made_as_they_should_open_the_doors(archive: Archive, town: Town) -> None:
    good = archive.token(town.client_id, town.client_secret)
    for token, door in ((good, TRANSFERS), (a_room_token(internal_secret(archive)), "/admin/v1/agreements")):
        with archive.http(token) as http:
            assert http.get(door).status_code == 200


def test_a_client_nobody_knows_gets_no_token(archive: Archive, town: Town) -> None:
    for client_id, secret in (
        (str(uuid4()), "x"),
        (town.client_id, "x"),
        (town.client_id, ""),
        ("pas un identifiant", town.client_secret),
    ):
        answer = httpx.post(
            f"{archive.base_url}/admin/v1/token",
            data={"grant_type": "client_credentials"},
            auth=(client_id, secret),
        )
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("wanted", ["nobody", "%00", "..%2F..%2Fetc", "é", "00000000-0000-0000-0000-000000000000"])
@pytest.mark.parametrize("kind", ["", "/report", "/reply", "/acknowledgement"])
def test_an_id_that_names_nothing_is_not_found(http: httpx.Client, wanted: str, kind: str) -> None:
    french, english = told_twice(http, {"method": "GET", "url": f"{TRANSFERS}/{wanted}{kind}"}, 404, "not_found")

    assert (french, english) == ("Introuvable.", "Not found.")


def test_a_deposit_names_its_agreement(http: httpx.Client) -> None:
    told_twice(http, {"method": "POST", "url": TRANSFERS, "content": b"x"}, 422, "invalid_request")


def test_an_agreement_that_is_unknown_or_of_another_town_takes_nothing(archive: Archive, http: httpx.Client) -> None:
    other = a_town(archive)
    for agreement in (str(uuid4()), "aucun accord", other.agreement, other.agreement_identifier):
        request: dict[str, Any] = {
            "method": "POST",
            "url": TRANSFERS,
            "params": {"agreement": agreement},
            "content": b"x",
        }
        french, english = told_twice(http, request, 403, "agreement_unknown")
        assert ("n'existe pas" in french, "does not exist" in english) == (True, True)


@pytest.mark.parametrize("path", ["/ingest/v1/transfers?agreement=%00", "/admin/v1/token"])
def test_a_null_character_is_nobodys_fault_but_its_senders(http: httpx.Client, path: str) -> None:
    answer = http.post(path, content=b"x\x00")
    assert answer.status_code == 400, answer.text


def test_a_suspended_agreement_takes_nothing_until_it_is_active_again(archive: Archive, tmp_path: Path) -> None:
    town = a_town(archive)
    here = f"/admin/v1/agreements/{town.agreement}"
    deposit: dict[str, Any] = {"method": "POST", "url": TRANSFERS, "params": {"agreement": town.agreement}}

    with archive.http(archive.admin_token()) as admin, town.http() as http:
        admin.post(f"{here}/suspend").raise_for_status()
        # The news travels to ingest by message.
        assert eventually(lambda: http.request(**deposit, content=b"").status_code == 409)
        french, english = told_twice(http, {**deposit, "content": b"x"}, 409, "agreement_suspended")
        admin.patch(here, json={"state": "active"}).raise_for_status()
        assert eventually(lambda: http.request(**deposit, content=b"").status_code == 400)
        content = a_package(tmp_path / "sip.zip").read_bytes()
        taken = http.request(**deposit, content=content)

    assert ("suspendu" in french, "suspended" in english) == (True, True)
    assert taken.status_code == 202


@pytest.mark.parametrize(("first", "last"), [(1, 30), (-30, -1)])
def test_an_agreement_out_of_its_dates_takes_nothing(archive: Archive, first: int, last: int) -> None:
    begins, ends = (now().date() + timedelta(days=days) for days in (first, last))
    town = a_town(archive, valid_from=begins, valid_to=ends)
    request: dict[str, Any] = {
        "method": "POST",
        "url": TRANSFERS,
        "params": {"agreement": town.agreement},
        "content": b"x",
    }

    with town.http() as http:
        for sentence in told_twice(http, request, 409, "agreement_out_of_dates"):
            assert (begins.isoformat() in sentence, ends.isoformat() in sentence) == (True, True)


def _pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield bytes(2**20)


def nothing_is_left(archive: Archive, town: Town, before: set[str]) -> None:
    """Check that no transfer was made, and that staging holds no more than before."""
    assert eventually(lambda: unfinished(archive) <= before)
    with town.http() as http:
        assert http.get(TRANSFERS).json() == {"items": [], "next": None}


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_larger_than_agreed_is_refused(archive: Archive, town: Town, announced: bool) -> None:
    before = unfinished(archive)
    for language, words in (("fr", "dépasse la limite de 3145728 octets"), ("en", "exceeds the limit of 3145728")):
        with town.http() as http:
            headers = {"Accept-Language": language, **({"Content-Length": str(5 * 2**20)} if announced else {})}
            answer = http.post(TRANSFERS, params={"agreement": town.agreement}, content=_pieces(5), headers=headers)
        assert words in told(answer, 413, "too_large")
        assert answer.json()["limit"] == 3 * 2**20
    nothing_is_left(archive, town, before)


def _request(town: Town, headers: str, body: bytes) -> socket.socket:
    token = town.archive.token(town.client_id, town.client_secret)
    base = httpx.URL(town.archive.base_url)
    line = f"POST {TRANSFERS}?agreement={town.agreement} HTTP/1.1\r\nHost: {base.host}:{base.port}\r\n"
    connection = socket.create_connection((base.host, base.port or 80), timeout=30)
    connection.sendall(f"{line}Authorization: Bearer {token}\r\n{headers}\r\n".encode() + body)
    return connection


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Content-Length: 3000000\r\n", bytes(1_500_000)),
        ("Transfer-Encoding: chunked\r\n", b"180000\r\n" + bytes(0x180000) + b"\r\n"),
        (
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 3000000\r\n",
            b'--b\r\nContent-Disposition: form-data; name="sip"\r\n\r\n' + bytes(1_500_000),
        ),
    ],
    ids=["length announced", "chunked", "multipart"],
)
def test_a_body_cut_on_its_way_leaves_nothing(archive: Archive, town: Town, headers: str, body: bytes) -> None:
    before = unfinished(archive)
    with _request(town, headers, body):
        # The connection closes once the archive has begun to write the body down.
        assert eventually(lambda: unfinished(archive) - before)
    nothing_is_left(archive, town, before)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'--b\r\nContent-Disposition: form-data; name="sip"\r\n\r\nPK\x03\x04 half', "multipart_malformed"),
        (b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nPK\r\n--b--\r\n', "sip_part_missing"),
        (b"no boundary at all", "multipart_malformed"),
    ],
    ids=["no end", "another part", "no part"],
)
def test_a_form_that_is_not_whole_leaves_nothing(archive: Archive, town: Town, body: bytes, code: str) -> None:
    before = unfinished(archive)
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with town.http() as http:
        told(http.post(TRANSFERS, params={"agreement": town.agreement}, content=body, headers=headers), 400, code)
    nothing_is_left(archive, town, before)


def test_a_body_without_the_digest_announced_is_refused_and_journaled(
    archive: Archive, town: Town, tmp_path: Path
) -> None:
    before, content = unfinished(archive), a_package(tmp_path / "sip.zip").read_bytes()
    good, wrong = (base64.b64encode(hashlib.sha512(data).digest()).decode() for data in (content, content + b"x"))
    request: dict[str, Any] = {
        "method": "POST",
        "url": TRANSFERS,
        "params": {"agreement": town.agreement},
        "content": content,
    }

    with town.http() as http:
        for language, words in (("fr", "rien n'a été conservé"), ("en", "nothing was kept")):
            headers = {"Content-Digest": f"sha-512=:{wrong}:", "Accept-Language": language}
            assert words in told(http.request(**request, headers=headers), 400, "digest_mismatch")
        malformed = http.request(**request, headers={"Content-Digest": "sha-512=:=====:"})
    told(malformed, 400, "digest_malformed")
    nothing_is_left(archive, town, before)
    refusals = eventually(lambda: journal_lines(archive, town.establishment, "events"))
    assert "transfer.refused" in {line["action"] for line in refusals if line["outcome"] == "ko"}

    with town.http() as http:
        headers = {"Content-Digest": f"sha-512=:{good}:, unknown=:AAAA:"}
        assert http.request(**request, headers=headers).status_code == 202


def test_no_body_at_all_is_refused(http: httpx.Client, town: Town) -> None:
    request: dict[str, Any] = {
        "method": "POST",
        "url": TRANSFERS,
        "params": {"agreement": town.agreement},
        "content": b"",
    }
    told_twice(http, request, 400, "empty_body")
