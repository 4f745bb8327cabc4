"""The headers of tus, read as its specification writes them, and refused where they cannot be meant."""

import base64
import hashlib

import pytest

from services.ingest.uploads.headers import announced, checksum_of, is_bytes, length_of, metadata_of, require_version
from shared.problems import Problem


def told(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


def refused(text: str) -> str:
    with pytest.raises(Problem) as refusal:
        announced(text)
    assert (refusal.value.status, refusal.value.code) == (400, "metadata_malformed")
    return str(refusal.value.extra["key"])


def test_metadata_are_keys_with_a_text_each_or_none() -> None:
    assert metadata_of("") == {}
    assert metadata_of("filename d29ybGQ=,is_confidential") == {"filename": "world", "is_confidential": ""}
    assert metadata_of("a YQ==, b YsOp") == {"a": "a", "b": "bé"}


@pytest.mark.parametrize(
    "text",
    ["a b c", "a YQ==,a YQ==", "a Y", "a /w==", "é YQ==", ",", "a YQ==,", "a  YQ=="],
    ids=["two values", "twice", "cut", "not UTF-8", "not ASCII", "empty", "comma", "two spaces"],
)
def test_metadata_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(Problem) as refusal:
        metadata_of(text)
    assert refusal.value.code == "metadata_malformed"


def test_a_deposit_is_described_by_its_metadata_and_what_is_not_ours_is_ignored() -> None:
    found = announced(told(agreement="ACCORD-1", filename="é.zip", dry_run="1", sha512="AB" * 64, filetype="x/y"))

    assert (found.agreement, found.filename, found.dry_run, found.sha512) == ("ACCORD-1", "é.zip", True, "ab" * 64)
    least = announced(told(agreement="A"))
    assert (least.filename, least.dry_run, least.sha512) == (None, False, None)
    assert announced(told(agreement="A") + ",dry_run").dry_run
    assert not announced(told(agreement="A", dry_run="false")).dry_run


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("agreement", ""),
        ("agreement", "x" * 201),
        ("filename", "x" * 256),
        ("filename", "a\nb"),
        ("sha512", "ab"),
        ("sha512", "g" * 128),
        ("dry_run", "yes"),
    ],
    ids=range(7),
)
def test_what_a_deposit_could_not_be_described_by_is_refused_by_its_name(key: str, value: str) -> None:
    assert refused(told(**{"agreement": "A", key: value})) == key


def test_an_agreement_is_needed() -> None:
    assert refused("") == "agreement"
    assert refused(told(filename="a.zip")) == "agreement"


@pytest.mark.parametrize("name", ["sha256", "sha512", "sha1"])
def test_a_checksum_is_its_algorithm_and_its_digest(name: str) -> None:
    digest = hashlib.new(name, b"x").digest()

    assert checksum_of(f"{name} {base64.b64encode(digest).decode()}") == {name: digest.hex()}
    assert checksum_of(None) == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("md5 1B2M2Y8AsgTpgAmY7PhCfg==", "checksum_algorithm"),
        ("", "checksum_algorithm"),
        ("SHA256 AAAA", "checksum_algorithm"),
        ("sha256", "checksum_malformed"),
        ("sha256 AAAA", "checksum_malformed"),
        ("sha1 ????", "checksum_malformed"),
    ],
    ids=range(6),
)
def test_a_checksum_that_nobody_could_compare_is_refused(text: str, code: str) -> None:
    with pytest.raises(Problem) as refusal:
        checksum_of(text)
    assert (refusal.value.status, refusal.value.code) == (400, code)


def test_a_length_is_announced_at_the_beginning() -> None:
    assert length_of("1", None) == 1
    for length, deferred in (("0", None), (None, None), (None, "1"), ("5", "1")):
        with pytest.raises(Problem):
            length_of(length, deferred)


def test_one_version_is_spoken_and_the_other_is_told_which() -> None:
    require_version("1.0.0")
    for other in (None, "", "0.2.2", "1.0"):
        with pytest.raises(Problem) as refusal:
            require_version(other)
        assert (refusal.value.status, refusal.value.headers["Tus-Version"]) == (412, "1.0.0")


def test_bytes_are_declared_as_such() -> None:
    assert is_bytes("application/offset+octet-stream")
    assert is_bytes("Application/Offset+Octet-Stream; x=y")
    assert not is_bytes("application/octet-stream")
    assert not is_bytes(None)
