import base64
from hashlib import sha512
from pathlib import Path

import pytest

from chartrier_client import (
    Client,
    Problem,
    UnexpectedAnswer,
    Unreachable,
)
from chartrier_client.conversation import Credentials, Question
from chartrier_client.session import Session
from tests.unit.client.archive_double import HANG_UP, ArchiveDouble, Said, said

TRANSFERS = "/ingest/v1/transfers"
UNITS = "/access/v1/units"


def a_transfer(state: str, **more: object) -> Said:
    return said({"id": "tr-1", "state": state, "findings": [], **more})


def test_the_token_is_asked_once_and_used_for_every_request(client: Client, archive: ArchiveDouble) -> None:
    archive.says("GET", f"{TRANSFERS}/tr-1", a_transfer("received"))

    client.transfer("tr-1")
    client.transfer("tr-1")

    (asked,) = archive.requests("POST", "/admin/v1/token")
    basic = base64.b64encode(b"the-client:its-secret").decode()
    assert asked.headers["authorization"] == f"Basic {basic}"
    assert asked.body == b"grant_type=client_credentials"
    used = [heard.headers["authorization"] for heard in archive.requests("GET", f"{TRANSFERS}/tr-1")]
    assert used == ["Bearer t1", "Bearer t1"]


def test_a_token_near_its_end_is_renewed_before_it_is_used(archive: ArchiveDouble) -> None:
    archive.says("GET", UNITS, said({"items": []}))
    archive.says(
        "POST",
        "/admin/v1/token",
        said({"access_token": "t1", "expires_in": 600}),
        said({"access_token": "t2", "expires_in": 600}),
    )
    now = 0.0
    session = Session(Credentials(archive.url, "c", "s"), clock=lambda: now)

    session.run(session.conversation.json(Question("GET", UNITS)))
    now = 580.0
    session.run(session.conversation.json(Question("GET", UNITS)))
    session.close()

    assert [heard.headers["authorization"] for heard in archive.requests("GET", UNITS)] == [
        "Bearer t1",
        "Bearer t2",
    ]


def test_a_refused_token_is_replaced_once(client: Client, archive: ArchiveDouble) -> None:
    archive.says("GET", f"{TRANSFERS}/tr-1", said({"code": "unauthorised"}, 401), a_transfer("accepted"))

    assert client.transfer("tr-1").state == "accepted"
    assert len(archive.requests("POST", "/admin/v1/token")) == 2


def test_wrong_credentials_are_a_problem_at_once(client: Client, archive: ArchiveDouble) -> None:
    archive.says("POST", "/admin/v1/token", said({"code": "unauthorised", "detail": "Secret faux."}, 401))

    with pytest.raises(Problem, match="Secret faux"):
        client.transfer("tr-1")
    assert len(archive.heard) == 1


def test_a_deposit_carries_its_digest_its_type_and_its_agreement(
    client: Client, archive: ArchiveDouble, tmp_path: Path
) -> None:
    sip = tmp_path / "sip.bin"
    sip.write_bytes(b"PK\x03\x04" + b"x" * 300_000)
    archive.says("POST", TRANSFERS, said({"id": "tr-1", "state": "received", "links": {}}, 202))

    assert client.deposit(sip, "ACCORD 1") == "tr-1"

    (heard,) = archive.requests("POST", TRANSFERS)
    digest = base64.b64encode(sha512(sip.read_bytes()).digest()).decode()
    assert heard.query == {"agreement": ["ACCORD 1"]}
    assert heard.headers["content-digest"] == f"sha-512=:{digest}:"
    assert heard.headers["content-type"] == "application/zip"
    assert heard.headers["content-length"] == str(sip.stat().st_size)
    assert heard.body == sip.read_bytes()


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x1f\x8b\x08\x00", "application/gzip"),
        (b"BZh9", "application/x-bzip2"),
        (b"manifest.xml", "application/x-tar"),
    ],
)
def test_a_container_is_known_by_its_first_bytes(
    client: Client, archive: ArchiveDouble, tmp_path: Path, start: bytes, kind: str
) -> None:
    (tmp_path / "sip.zip").write_bytes(start)
    archive.says("POST", TRANSFERS, said({"id": "tr-1"}, 202))

    client.deposit(tmp_path / "sip.zip", "A")

    assert archive.requests("POST", TRANSFERS)[0].headers["content-type"] == kind


def test_a_deposit_declined_with_a_delay_is_sent_again_whole(
    client: Client, archive: ArchiveDouble, pauses: list[float], tmp_path: Path
) -> None:
    (tmp_path / "sip.zip").write_bytes(b"PK\x03\x04 the whole of it")
    archive.says("POST", TRANSFERS, said({"code": "busy"}, 503, Retry_After="7"), said({"id": "tr-1"}, 202))

    assert client.deposit(tmp_path / "sip.zip", "A") == "tr-1"
    assert pauses == [7.0]
    assert archive.requests("POST", TRANSFERS)[1].body == b"PK\x03\x04 the whole of it"


@pytest.mark.parametrize("answer", [said({"code": "busy"}, 503), HANG_UP, said({}, 500)])
def test_a_deposit_whose_fate_is_unknown_is_never_repeated(
    client: Client, archive: ArchiveDouble, pauses: list[float], tmp_path: Path, answer: Said
) -> None:
    (tmp_path / "sip.zip").write_bytes(b"PK\x03\x04")
    archive.says("POST", TRANSFERS, answer)

    with pytest.raises((Problem, Unreachable)):
        client.deposit(tmp_path / "sip.zip", "A")

    assert len(archive.requests("POST", TRANSFERS)) == 1
    assert pauses == []


def test_a_question_is_asked_again_when_the_network_fails(
    client: Client, archive: ArchiveDouble, pauses: list[float]
) -> None:
    archive.says("GET", f"{TRANSFERS}/tr-1", HANG_UP, said({}, 502), a_transfer("storing"))

    assert client.transfer("tr-1").state == "storing"
    assert pauses == [0.5, 1.0]


def test_a_question_is_not_asked_for_ever(client: Client, archive: ArchiveDouble, pauses: list[float]) -> None:
    archive.says("GET", f"{TRANSFERS}/tr-1", HANG_UP)

    with pytest.raises(Unreachable):
        client.transfer("tr-1")
    assert len(archive.requests("GET", f"{TRANSFERS}/tr-1")) == 5
    assert len(pauses) == 4


def test_more_patience_than_reasonable_is_a_problem(
    client: Client, archive: ArchiveDouble, pauses: list[float]
) -> None:
    archive.says("GET", f"{TRANSFERS}/tr-1", said({"code": "busy"}, 503, Retry_After="86400"))

    with pytest.raises(Problem) as caught:
        client.transfer("tr-1")
    assert caught.value.status == 503
    assert pauses == []


def test_a_refusal_tells_its_code_its_text_and_its_findings(client: Client, archive: ArchiveDouble) -> None:
    finding = {"code": "HEADER_AGREEMENT", "severity": "error", "place": "manifest.xml:5", "message": "non"}
    archive.says(
        "GET",
        f"{TRANSFERS}/tr-1",
        said({"code": "refused", "title": "Refusé", "detail": "Accord clos.", "findings": [finding]}, 409),
    )

    with pytest.raises(Problem) as caught:
        client.transfer("tr-1")

    problem = caught.value
    assert (problem.status, problem.code, problem.title, problem.detail) == (
        409,
        "refused",
        "Refusé",
        "Accord clos.",
    )
    assert [(row.code, row.place) for row in problem.findings] == [("HEADER_AGREEMENT", "manifest.xml:5")]


def test_a_page_that_is_not_ours_is_not_mistaken_for_an_answer(client: Client, archive: ArchiveDouble) -> None:
    archive.says("GET", f"{TRANSFERS}/tr-1", Said(200, b"<html>Bienvenue</html>"))
    archive.says("GET", f"{TRANSFERS}/tr-2", Said(403, b"<html>Proxy</html>"))
    archive.says("GET", f"{TRANSFERS}/tr-3", said({"state": "accepted"}))

    with pytest.raises(UnexpectedAnswer):
        client.transfer("tr-1")
    with pytest.raises(Problem, match="HTTP_403"):
        client.transfer("tr-2")
    with pytest.raises(UnexpectedAnswer, match="«id»"):
        client.transfer("tr-3")


def test_an_identifier_never_escapes_its_place_in_the_address(client: Client, archive: ArchiveDouble) -> None:
    with pytest.raises(Problem):
        client.unit("../../admin/v1/clients?x=1")

    assert archive.heard[-1].path == "/access/v1/units/..%2F..%2Fadmin%2Fv1%2Fclients%3Fx%3D1"


def test_the_secret_never_shows_when_credentials_are_printed() -> None:
    assert "s3cret" not in repr(Credentials("http://a", "c", "s3cret"))
