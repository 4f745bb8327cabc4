"""What proof is told: where its key lies, whom it asks the time; and what a probative archive may not be told."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from asn1crypto.x509 import Certificate
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from services.ingest.settings import IngestSettings
from services.proof.authorities import clock_of, signer_of, stamper_of
from services.proof.settings import ProofSettings
from services.proof.signing.development import make_signer, open_development
from services.proof.signing.pkcs11_uri import read_uri
from services.proof.stamping.authority import RemoteAuthority
from services.proof.stamping.builtin import NAME
from services.proof.stamping.fetching import Fetcher
from services.storage.settings import StorageSettings
from shared.configuration import faults_of
from tests.builders import pki

PASSWORD = "un mot"  # noqa: S105 (of a test) # pragma: allowlist secret
STAGING = {"CHARTRIER_STAGING_URL": "file:///srv/staging"}
HUSH = "hush-91"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A key in a file, roots, a module and a PIN."""
    holder = pki.signer()
    content = pkcs12.serialize_key_and_certificates(
        None, holder.key, holder.certificate, holder.above, BestAvailableEncryption(PASSWORD.encode())
    )
    (tmp_path / "key.p12").write_bytes(content)
    (tmp_path / "development.p12").write_bytes(make_signer())
    (tmp_path / "roots.pem").write_bytes(pki.root().pem + pki.authority().pem)
    (tmp_path / "between.pem").write_bytes(pki.authority().pem)
    (tmp_path / "module.so").touch()
    (tmp_path / "pin").write_text(HUSH)
    return tmp_path


def an_authority(files: Path, name: str = "a", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    return {
        "name": name,
        "url": f"https://{name}.example.org/tsa",
        "policy": "1.2.3",
        "roots": str(files / "roots.pem"),
    } | changes


def told(environment: dict[str, Any]) -> dict[str, str]:
    """Place → what is expected there."""
    said = {name: value if isinstance(value, str) else json.dumps(value) for name, value in environment.items()}
    return {fault.place: fault.expected for fault in faults_of((ProofSettings,), STAGING | said)}


def probative(files: Path) -> dict[str, Any]:
    return {
        "CHARTRIER_PROBATIVE": "true",
        "CHARTRIER_SIGNER_URL": f"pkcs12:{files / 'key.p12'}",
        "CHARTRIER_SIGNER_PASSWORD": PASSWORD,
        "CHARTRIER_TSA": [an_authority(files, "a", user="u", password=HUSH), an_authority(files, "b")],
        "CHARTRIER_TIME_SOURCES": ["ntp-a.example.org", "[2001:db8::1]:1123"],
    }


def test_all_that_a_probative_archive_needs(files: Path) -> None:
    assert told(probative(files)) == {}


def test_a_probative_archive_names_all_that_it_refuses_at_once() -> None:
    assert told({"CHARTRIER_PROBATIVE": "true"}) == {
        "CHARTRIER_SIGNER_URL": "a probative archive signs with pkcs11:… or pkcs12:…, never with a development key",
        "CHARTRIER_TSA": "a probative archive has two time-stamping authorities at least, none of them built in",
        "CHARTRIER_TIME_SOURCES": "a probative archive compares its clock with two time servers at least",
    }
    assert {one.place for one in faults_of((IngestSettings,), STAGING | {"CHARTRIER_PROBATIVE": "true"})} == {
        "CHARTRIER_CLAMD"
    }


def test_a_probative_archive_like_any_other_has_two_places() -> None:
    sites = [{"name": name, "kind": "filesystem", "place": "Rennes", "path": f"/srv/{name}"} for name in "ab"]
    environment = STAGING | {"CHARTRIER_PROBATIVE": "true", "CHARTRIER_SITES": json.dumps(sites)}

    (fault,) = faults_of((StorageSettings,), environment)

    assert (fault.place, "distinct places" in fault.expected) == ("CHARTRIER_SITES", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHARTRIER_TSA", []),
        ("CHARTRIER_TIME_SOURCES", ["ntp.example.org", "ntp.example.org"]),
    ],
)
def test_one_twice_is_not_two(files: Path, name: str, value: list[object]) -> None:
    one = an_authority(files)

    assert told(probative(files) | {name: value or [one, one | {"name": "b"}]}).keys() == {name}


def test_a_development_key_is_none_in_a_file_either(files: Path) -> None:
    environment = probative(files) | {"CHARTRIER_SIGNER_URL": f"pkcs12:{files / 'development.p12'}"}
    environment.pop("CHARTRIER_SIGNER_PASSWORD")

    assert told(environment) == {
        "CHARTRIER_SIGNER_PASSWORD": "the key of the file is a development key, and proves nothing"
    }


def test_nor_is_one_whose_certificate_lies_beside_a_module(files: Path) -> None:
    marked = files / "marked.pem"
    marked.write_bytes(pki.pem_of([Certificate.load(open_development(None).certificates[0])]))

    assert told(probative(files) | {"CHARTRIER_SIGNER_CERTIFICATES": str(marked)}) == {
        "CHARTRIER_SIGNER_CERTIFICATES": "a certificate of the file is of a development key, and proves nothing"
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("hsm:x", "is expected"),
        ("development:relative", "is expected"),
        ("development:{}/pin/keys", "that we may write to"),
        ("pkcs12:{}/none.p12", "that is there"),
        ("pkcs12:key.p12", "absolute path"),
        ("pkcs11:object=a?module-path={}/module.so&pin-source={}/pin", "token=…"),
        ("pkcs11:token=a?module-path={}/module.so&pin-source={}/pin", "object=…"),
        ("pkcs11:token=a;object=b?module-path={}/module.so", "pin-source="),
        ("pkcs11:token=a;object=b?pin-source={}/pin", "module-path="),
        ("pkcs11:token=a;object=b?module-path={}/none.so&pin-source={}/pin", "module-path"),
        ("pkcs11:token=a;object=b?module-path={}/module.so&pin-value=" + HUSH, "nothing else is expected"),
        ("pkcs11:token=a;token=b;object=c?module-path={}/module.so&pin-source={}/pin", "at most once"),
        ("pkcs11:token=a;object=b;type=cert?module-path={}/module.so&pin-source={}/pin", "type=private"),
    ],
)
def test_a_wrong_place_of_the_key_is_told_and_not_quoted(files: Path, value: str, expected: str) -> None:
    found = told({"CHARTRIER_SIGNER_URL": value.replace("{}", str(files))})

    assert found.keys() == {"CHARTRIER_SIGNER_URL"}
    assert expected in found["CHARTRIER_SIGNER_URL"]
    assert HUSH not in found["CHARTRIER_SIGNER_URL"]


def test_a_place_in_a_module_is_read_as_it_is_written() -> None:
    place = read_uri(
        "pkcs11:token=Les%20sceaux;serial=12;object=cl%C3%A9;id=%01%ff;type=private?module-path=/a.so&pin-source=file:/pin"
    )

    assert (place.token, place.serial, place.label, place.identifier) == ("Les sceaux", b"12", "clé", b"\x01\xff")
    assert (place.module, place.pin_file) == (Path("/a.so"), Path("/pin"))


@pytest.mark.parametrize("password", [None, HUSH])
def test_a_key_that_does_not_open_is_told(files: Path, password: str | None) -> None:
    environment = {"CHARTRIER_SIGNER_URL": f"pkcs12:{files / 'key.p12'}"}

    found = told(environment | ({} if password is None else {"CHARTRIER_SIGNER_PASSWORD": password}))

    assert found == {"CHARTRIER_SIGNER_PASSWORD": "the PKCS#12 file does not open with this password"}


def test_certificates_that_are_none_are_told(files: Path) -> None:
    for file in ("pin", "none"):
        found = told({"CHARTRIER_SIGNER_CERTIFICATES": str(files / file)})
        assert found == {"CHARTRIER_SIGNER_CERTIFICATES": "a file of certificates (PEM) is expected"}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"url": "ftp://x"}, ".url"),
        ({"policy": "any"}, ".policy"),
        ({"roots": "between.pem"}, ".roots"),
        ({"roots": "/nowhere"}, ".roots"),
        ({"url": "http://tsa.example.org", "user": "u", "password": HUSH}, ".user"),
        ({"user": "u"}, ".password"),
        ({"password": HUSH}, ".password"),
        ({"revocation": "never"}, ".revocation"),
        ({"name": ""}, ".name"),
    ],
)
def test_a_wrong_authority_is_told_by_its_place(files: Path, changes: dict[str, str], place: str) -> None:
    if not changes.get("roots", "/").startswith("/"):
        changes = {"roots": str(files / changes["roots"])}

    found = told({"CHARTRIER_TSA": [an_authority(files, password=None) | changes]})

    assert found.keys() == {f"CHARTRIER_TSA[0]{place}"}
    assert HUSH not in str(found)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:8080"])
def test_a_password_goes_in_clear_to_this_host_alone(files: Path, host: str) -> None:
    named = an_authority(files, url=f"http://{host}/tsa", user="u", password=HUSH)

    assert told({"CHARTRIER_TSA": [named]}) == {}


def test_two_authorities_have_two_names(files: Path) -> None:
    found = told({"CHARTRIER_TSA": [an_authority(files), an_authority(files)]})

    assert found == {"CHARTRIER_TSA": "each authority has a name of its own"}


@pytest.mark.parametrize("address", ["", ":123", "host:0", "host:99999", "host:x", "ntp://host", "a/b"])
def test_a_time_server_is_a_host_with_or_without_a_port(address: str) -> None:
    assert told({"CHARTRIER_TIME_SOURCES": [address]}).keys() == {"CHARTRIER_TIME_SOURCES[0]"}


async def test_what_is_told_is_what_is_used(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (STAGING | probative(files)).items():
        monkeypatch.setenv(name, value if isinstance(value, str) else json.dumps(value))
    settings, fetcher = ProofSettings(), Fetcher()

    assert signer_of(settings).probative
    stamper = stamper_of(settings, fetcher)
    assert stamper.probative
    found = [one for one in stamper._authorities if isinstance(one, RemoteAuthority)]  # noqa: SLF001
    assert [one.auth for one in found] == [("u", HUSH), None]
    assert [(len(one.anchors), len(one.others)) for one in found] == [(1, 1), (1, 1)]
    assert settings.time_servers == (("ntp-a.example.org", 123), ("2001:db8::1", 1123))
    clock_of(settings).require()
    assert HUSH not in repr(settings)
    await fetcher.close()


async def test_told_nothing_all_is_of_its_own_making_and_proves_nothing(tmp_path: Path) -> None:
    settings, fetcher = ProofSettings(staging_url="file:///srv/staging"), Fetcher()

    assert not signer_of(settings).probative
    assert [one.name for one in stamper_of(settings, fetcher)._authorities] == [NAME]  # noqa: SLF001
    assert not stamper_of(settings, fetcher).probative

    kept = settings.model_copy(update={"signer_url": f"development:{tmp_path}"})
    signer_of(kept), stamper_of(kept, fetcher)
    await fetcher.close()
    assert {"signer.p12", "time-stamper.p12"} == set(os.listdir(tmp_path))  # noqa: PTH208 (in an event loop)
