"""What a depositor announces of a body: the Content-Digest header (RFC 9530)."""

import base64
import hashlib

import pytest

from services.ingest.reception import announced_digests
from shared.problems import Problem

SHA256, SHA512 = hashlib.sha256(b"sip"), hashlib.sha512(b"sip")


def item(name: str, digest: bytes) -> str:
    return f"{name}=:{base64.b64encode(digest).decode()}:"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", {}),
        (item("sha-256", SHA256.digest()), {"sha256": SHA256.hexdigest()}),
        (item("sha-512", SHA512.digest()), {"sha512": SHA512.hexdigest()}),
        (
            f"{item('sha-512', SHA512.digest())}, {item('sha-256', SHA256.digest())}",
            {"sha512": SHA512.hexdigest(), "sha256": SHA256.hexdigest()},
        ),
        (f" {item('sha-256', SHA256.digest())} ,", {"sha256": SHA256.hexdigest()}),
    ],
)
def test_known_algorithms_are_read(header: str, expected: dict[str, str]) -> None:
    assert announced_digests([header]) == expected


def test_a_header_may_come_on_several_lines_or_not_at_all() -> None:
    lines = [item("sha-512", SHA512.digest()), item("sha-256", SHA256.digest())]

    assert announced_digests(lines) == {"sha512": SHA512.hexdigest(), "sha256": SHA256.hexdigest()}
    assert announced_digests([]) == {}


@pytest.mark.parametrize("header", [item("md5", b"x" * 16), "unixsum=30637", item("id-sha-512", b"x" * 64)])
def test_algorithms_we_do_not_know_are_passed_over(header: str) -> None:
    assert announced_digests([f"{header}, {item('sha-256', SHA256.digest())}"]) == {"sha256": SHA256.hexdigest()}


@pytest.mark.parametrize("value", [":abc:", ":=:", ":A===:"])
def test_a_digest_that_is_no_base64_is_a_400(value: str) -> None:
    with pytest.raises(Problem) as refusal:
        announced_digests([f"sha-512={value}"])

    assert (refusal.value.status, refusal.value.code) == (400, "digest_malformed")


@pytest.mark.parametrize("header", ["sha-512=abcd", "sha-512=:ab cd:", "sha-512=:abcd", 'sha-512="abcd"', "sha-512"])
def test_a_digest_announced_in_the_wrong_form_is_not_silently_forgotten(header: str) -> None:
    with pytest.raises(Problem) as refusal:
        announced_digests([header])

    assert (refusal.value.status, refusal.value.code) == (400, "digest_malformed")
