"""Packages no archive should take: each refused for its own reason, in two languages, and nothing left of it."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pytest

from chartrier_client.replies import read_reply
from services.ingest.domain.sip import ContainerFormat
from tests.answers import valid_answer
from tests.builders import hostile_sips as hostile
from tests.builders.sips import AFile, ASip, AUnit, a_container, a_manifest, a_sip
from tests.e2e.traces import eventually, journal_lines, staged_for, stored_aips, unfinished
from trials.towns import Archive, Town, a_package, a_town

pytestmark = pytest.mark.e2e

GIB = 1024**3
CANARY = "le canari que personne ne doit lire"


@dataclass(frozen=True)
class Bad:
    """A package, the codes of its errors, and whether its header can be read (then there is a SEDA reply)."""

    write: Callable[[Path], Path]
    codes: frozenset[str]
    answered: bool = True


def bad(write: Callable[[Path], Path], *codes: str, answered: bool = True) -> Bad:
    return Bad(write, frozenset(codes), answered)


def _of_bytes(content: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return write


def _with_entry(name: str, container: ContainerFormat = ContainerFormat.ZIP) -> Callable[[Path], Path]:
    return lambda path: hostile.a_sip_with_entry(path, name, container)


def _in(container: ContainerFormat, write: Callable[[Path, ContainerFormat], Path]) -> Callable[[Path], Path]:
    return lambda path: write(path, container)


def _without_a_file(path: Path) -> Path:
    sip = ASip()
    return a_container(path, [("manifest.xml", a_manifest(sip)), (sip.files[0].path, sip.files[0].content)])


def _of(sip: ASip) -> Callable[[Path], Path]:
    return lambda path: a_sip(path, sip)


ZEROS_64_MIB = "64 MiB of zeros"
CALLS_HOME = "an entity on the network"
READS_OURS = "an entity that is a file of ours"
UNCLAIMED = "OBJECT_FILE_UNCLAIMED"
NO_LEVEL = "a level that is none"

BAD: dict[str, Bad] = {
    "not an archive": bad(_of_bytes(b"%PDF-1.4 pas un paquet\n" * 50), "CONTAINER_NOT_AN_ARCHIVE", answered=False),
    ZEROS_64_MIB: bad(_of_bytes(b""), "CONTAINER_NOT_AN_ARCHIVE", answered=False),
    "a ZIP cut short": bad(hostile.a_truncated_sip, "CONTAINER_TRUNCATED", answered=False),
    "a TAR.GZ cut short": bad(
        _in(ContainerFormat.TAR_GZ, hostile.a_truncated_sip), "CONTAINER_TRUNCATED", answered=False
    ),
    "a gigabyte of nothing in a ZIP": bad(lambda path: hostile.a_bomb(path, GIB), "CONTAINER_RATIO", answered=False),
    "a path that climbs, in a ZIP": bad(_with_entry("../../etc/passwd"), "CONTAINER_TRAVERSAL", UNCLAIMED),
    "a path that climbs, in a TAR": bad(
        _with_entry("../../etc/passwd", ContainerFormat.TAR), "CONTAINER_TRAVERSAL", UNCLAIMED
    ),
    "an absolute path": bad(_with_entry("/etc/passwd"), "CONTAINER_ABSOLUTE_PATH", UNCLAIMED),
    "a symbolic link, in a ZIP": bad(hostile.a_sip_with_a_symlink, "CONTAINER_LINK", UNCLAIMED),
    "a symbolic link, in a TAR": bad(
        _in(ContainerFormat.TAR, hostile.a_sip_with_a_symlink), "CONTAINER_LINK", UNCLAIMED
    ),
    "a device": bad(hostile.a_sip_with_a_device, "CONTAINER_SPECIAL_FILE", UNCLAIMED),
    "two files of one name": bad(hostile.a_sip_with_duplicate_names, "CONTAINER_DUPLICATE"),
    "no manifest": bad(hostile.a_sip_without_manifest, "CONTAINER_NO_MANIFEST", answered=False),
    "two manifests": bad(hostile.a_sip_with_two_manifests, "CONTAINER_SEVERAL_MANIFESTS", answered=False),
    "a billion laughs": bad(hostile.a_sip_with_billion_laughs, "MANIFEST_DOCTYPE", answered=False),
    CALLS_HOME: bad(_of_bytes(b""), "MANIFEST_DOCTYPE", answered=False),
    READS_OURS: bad(_of_bytes(b""), "MANIFEST_DOCTYPE", answered=False),
    "a manifest that is not XML": bad(_of(ASip(manifest=b"<ArchiveTransfer")), "MANIFEST_XML", answered=False),
    "a SEDA version of the future": bad(_of(ASip(version="9.9")), "MANIFEST_VERSION", answered=False),
    NO_LEVEL: bad(_of(ASip(units=(AUnit("Délibération", level="Étage", files=(0, 1)),))), "MANIFEST_SCHEMA"),
    "a manifest that names an absent file": bad(_without_a_file, "OBJECT_FILE_MISSING"),
    "a file that nobody names": bad(_with_entry("Content/oubliée.pdf"), UNCLAIMED),
    "a wrong digest": bad(_of(ASip(files=(AFile("Content/a.pdf", digest="0" * 128),))), "OBJECT_DIGEST_MISMATCH"),
}


@dataclass(frozen=True)
class Aftermath:
    """What became of the bad packages of one archive."""

    archive: Archive
    town: Town
    transfers: dict[str, str]
    unfinished_before: set[str]
    calls: socket.socket

    def report(self, name: str, language: str = "fr") -> dict[str, Any]:
        with self.town.http() as http:
            answer = http.get(f"/ingest/v1/transfers/{self.transfers[name]}", headers={"Accept-Language": language})
        body: dict[str, Any] = answer.raise_for_status().json()
        return body


@pytest.fixture(scope="module")
def aftermath(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """Deposit every bad package, all at once, and wait until each has its verdict."""
    town, folder = a_town(archive), tmp_path_factory.mktemp("bad-packages")
    before = unfinished(archive)
    (folder / "canary").write_text(CANARY, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as calls:
        here = f"http://127.0.0.1:{calls.getsockname()[1]}/x.dtd"
        special = {
            CALLS_HOME: lambda path: hostile.a_sip_with_external_entity(path, here),
            READS_OURS: lambda path: hostile.a_sip_with_external_entity(path, (folder / "canary").as_uri()),
        }

        def deposit(numbered: tuple[int, str]) -> str:
            number, name = numbered
            path = special.get(name, BAD[name].write)(folder / f"{number}.sip")
            zeros = (bytes(2**20) for _ in range(64))
            with town.http() as http, path.open("rb") as file:
                body = zeros if name == ZEROS_64_MIB else file
                answer = http.post("/ingest/v1/transfers", params={"agreement": town.agreement}, content=body)
            assert answer.status_code == 202, (name, answer.text)
            return str(answer.json()["id"])

        with ThreadPoolExecutor(4) as pool:
            transfers = dict(zip(BAD, pool.map(deposit, enumerate(BAD)), strict=True))
        with town.client() as client:
            for transfer_id in transfers.values():
                client.wait(transfer_id, 120)
        calls.setblocking(False)
        yield Aftermath(archive, town, transfers, before, calls)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_package_is_refused_for_its_reason_in_two_languages(aftermath: Aftermath, name: str) -> None:
    french, english = aftermath.report(name), aftermath.report(name, "en-GB, fr;q=0.5")

    assert french["state"] == "rejected"
    errors = [finding for finding in french["findings"] if finding["severity"] == "error"]
    assert {finding["code"] for finding in errors} == BAD[name].codes
    for told, translated in zip(french["findings"], english["findings"], strict=True):
        assert (told["code"], told["place"]) == (translated["code"], translated["place"])
        assert told["message"]
        assert translated["message"]
        assert told["message"] != translated["message"]
    assert french["aip_id"] is None


def test_a_refusal_of_the_grammar_is_told_once_with_what_was_expected(aftermath: Aftermath) -> None:
    for language, expected in (("fr", "attendu : l’une des valeurs Fonds"), ("en", "expected: one of Fonds")):
        findings = aftermath.report(NO_LEVEL, language)["findings"]
        (told,) = (finding["message"] for finding in findings if finding["code"] == "MANIFEST_SCHEMA")
        assert f"{expected}, Subfonds" in told
        assert "/ArchiveUnit[1]/Content/DescriptionLevel" in told


@pytest.mark.parametrize("name", [name for name, package in BAD.items() if package.answered])
def test_a_refusal_whose_header_was_read_has_a_valid_seda_reply(aftermath: Aftermath, name: str) -> None:
    with aftermath.town.client() as client:
        reply = client.reply(aftermath.transfers[name])
        acknowledgement = client.acknowledgement(aftermath.transfers[name])

    for answer in (reply, acknowledgement):
        valid_answer(answer)
    assert read_reply(reply).reply_code == "KO"
    for code in BAD[name].codes:
        assert code in reply.decode()


@pytest.mark.parametrize("name", [name for name, package in BAD.items() if not package.answered])
def test_a_refusal_without_header_says_where_the_report_is(aftermath: Aftermath, name: str) -> None:
    here = f"/ingest/v1/transfers/{aftermath.transfers[name]}"
    with aftermath.town.http() as http:
        french = http.get(f"{here}/reply")
        english = http.get(f"{here}/reply", headers={"Accept-Language": "en"})
        report = http.get(f"{here}/report", headers={"Accept": "application/json"}).raise_for_status().json()
        page = http.get(f"{here}/report", headers={"Accept": "text/html, application/json;q=0.5"}).raise_for_status()
        help_page = http.get(report["findings"][0]["help"], headers={"Authorization": ""}).raise_for_status()

    assert french.status_code == english.status_code == 409
    assert "rapport" in french.json()["detail"]
    assert "report" in english.json()["detail"]
    assert {finding["code"] for finding in report["findings"]} >= BAD[name].codes
    assert page.headers["content-type"].startswith("text/html")
    for finding in report["findings"]:
        assert escape(finding["message"]) in page.text
        assert f'id="{finding["code"]}"' in help_page.text


def test_nothing_of_a_bad_package_is_on_any_site(aftermath: Aftermath) -> None:
    assert stored_aips(aftermath.archive, aftermath.town.establishment) == []


def test_staging_is_swept_of_every_bad_package(aftermath: Aftermath) -> None:
    archive, transfers = aftermath.archive, aftermath.transfers.values()
    swept = eventually(lambda: not any(staged_for(archive, transfer) for transfer in transfers))

    assert swept, {transfer: staged_for(archive, transfer) for transfer in transfers}
    assert eventually(lambda: unfinished(archive) <= aftermath.unfinished_before)


def test_every_refusal_is_journaled(aftermath: Aftermath) -> None:
    wanted = {
        (transfer, action)
        for transfer in aftermath.transfers.values()
        for action in ("transfer.received", "transfer.rejected")
    }

    def journaled() -> set[tuple[str, str]]:
        lines = journal_lines(aftermath.archive, aftermath.town.establishment)
        return {(line["transfer"], line["action"]) for line in lines}

    eventually(lambda: wanted <= journaled())

    assert wanted <= journaled()
    lines = journal_lines(aftermath.archive, aftermath.town.establishment)
    refusals = {line["transfer"]: line for line in lines if line["action"] == "transfer.rejected"}
    for name, transfer in aftermath.transfers.items():
        assert refusals[transfer]["outcome"] == "ko"
        assert BAD[name].codes <= set(refusals[transfer]["details"]["findings"].split())


def test_no_entity_makes_us_call_or_read_anything(aftermath: Aftermath) -> None:
    with pytest.raises(BlockingIOError):
        aftermath.calls.accept()
    with aftermath.town.http() as http:
        told = http.get(f"/ingest/v1/transfers/{aftermath.transfers[READS_OURS]}").text
    assert CANARY not in told


def test_a_good_package_leaves_its_traces_where_we_looked_for_those_of_bad_ones(
    archive: Archive, tmp_path: Path
) -> None:
    town = a_town(archive)
    with town.client() as client:
        transfer = client.wait(client.deposit(a_package(tmp_path / "sip.zip"), town.agreement), 120)

    assert transfer.state == "accepted", transfer.findings
    assert stored_aips(archive, town.establishment) == [f"{site} {transfer.aip_id}-v1.tar" for site in "ab"]
    actions = {line["action"] for line in journal_lines(archive, town.establishment)}
    assert {"transfer.received", "transfer.accepted"} <= actions
    assert eventually(lambda: staged_for(archive, transfer.id) == [])
