"""The report on signatures: what it says, that it is kept in the AIP, and that its bytes depend on nothing else."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from services.ingest.domain.agreement import Signatures
from services.ingest.domain.limits import Limits
from services.ingest.domain.records import pack_inventory, unpack_inventory
from services.ingest.domain.signature_records import report_of_json
from services.ingest.domain.sip import Inventory
from services.ingest.pipeline.aip.builder import build_aip
from services.ingest.pipeline.check_signatures import Verification
from services.ingest.pipeline.judge import Standard, judge_aloud
from services.ingest.pipeline.judged import open_judged
from services.ingest.pipeline.signatures.report import report_lines
from services.ingest.settings import IngestSettings
from services.ingest.trust import load_trust
from shared.configuration import faults_of
from tests.builders import pki
from tests.builders.aips import a_checked_transfer, a_plan
from tests.builders.signed_pdfs import a_pdf, sign_pdf
from tests.builders.sips import AFile, ASip, AUnit, a_sip
from tests.unit.ingest.signing import NOW, PLAIN, asking

SOFTWARE = {"chartrier": "0.1.0", "libxml2": "2.12.4", "siegfried": "1.11.2", "pyhanko": "0.38.0"}
FILES = (
    AFile("Content/acte.pdf", sign_pdf(a_pdf())),
    AFile("Content/altéré.pdf", sign_pdf(a_pdf()).replace(b"/MediaBox", b"/MediaBux")),
)


def an_aip(
    folder: Path, policy: Signatures = Signatures.RECORD, files: tuple[AFile, ...] = FILES
) -> tuple[bytes, Inventory]:
    path = a_sip(folder / "sip", ASip(files, (AUnit("Actes", files=tuple(range(len(files)))),)))
    verification = Verification(load_trust(pki.trust_folder(folder / "trust")), NOW)
    standard = Standard(asking(policy), {}, Limits(), verification)
    verdict = judge_aloud(path, standard, lambda _: PLAIN, None, lambda _: None)
    assert verdict.inventory is not None
    # As it comes back from the database.
    inventory = unpack_inventory(pack_inventory(verdict.inventory))
    assert inventory == verdict.inventory
    return built(path, inventory), inventory


def built(path: Path, inventory: Inventory) -> bytes:
    package, manifest = open_judged(path, inventory, Limits())
    out = io.BytesIO()
    build_aip(package, inventory, manifest, a_plan(software=SOFTWARE), out)
    return out.getvalue()


def members(aip: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(aip)) as archive:
        files = {each.name.partition("/")[2]: archive.extractfile(each) for each in archive.getmembers()}
        return {name: file.read() for name, file in files.items() if file is not None}


def report_of(aip: bytes) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(members(aip)["metadata/preservation/signatures.json"])
    return report


def test_the_aip_keeps_the_report(tmp_path: Path) -> None:
    report = report_of(an_aip(tmp_path)[0])

    assert report["format"] == "chartrier-signatures/1"
    assert report["validated_at"] == "2026-11-20T00:00:00.000Z"
    assert report["agreement"]["signatures"] == "record"
    assert report["trust"]["anchors"] == [hashlib.sha256(pki.root().der).hexdigest()]
    assert len(report["trust"]["revocation_lists"]) == 2
    assert report["counts"] == {"valid": 1, "invalid": 1, "indeterminate": 0}
    good, bad = report["signatures"]
    assert (good["file"], good["status"], good["covers_all"]) == ("Content/acte.pdf", "TOTAL-PASSED", True)
    assert good["signer"]["sha256"] == hashlib.sha256(pki.signer().der).hexdigest()
    assert (bad["file"], bad["status"]) == ("Content/altéré.pdf", "TOTAL-FAILED")
    assert (bad["sub_indication"], bad["rule"]) == ("HASH_FAILURE", "digest")
    assert bad["rule_fr"].startswith("ce qui a été signé")
    assert bad["rule_en"].startswith("what was signed")


def test_mets_lists_the_report_and_premis_has_the_event(tmp_path: Path) -> None:
    aip = members(an_aip(tmp_path, Signatures.WARN)[0])
    mets, premis = etree.fromstring(aip["METS.xml"]), etree.fromstring(aip["metadata/preservation/premis.xml"])

    (reference,) = mets.iterfind(".//{*}digiprovMD[@ID='signatures']/{*}mdRef")
    content = aip["metadata/preservation/signatures.json"]
    assert reference.get("{http://www.w3.org/1999/xlink}href") == "metadata/preservation/signatures.json"
    assert reference.get("CHECKSUM") == hashlib.sha512(content).hexdigest()
    assert reference.get("SIZE") == str(len(content))
    types = [each.text for each in premis.iterfind(".//{*}eventType")]
    assert types.count("digital signature validation") == 1
    agents = [each.text for each in premis.iterfind(".//{*}agentName")]
    assert "pyhanko" in agents


@pytest.mark.parametrize(
    ("files", "outcome"),
    [(FILES, "warning"), (FILES[:1], "success"), ((AFile("Content/acte.pdf", a_pdf()),), "success")],
    ids=["one is not valid", "all are valid", "none"],
)
def test_the_event_says_so_where_a_signature_is_not_valid_though_it_is_but_recorded(
    tmp_path: Path, files: tuple[AFile, ...], outcome: str
) -> None:
    premis = etree.fromstring(members(an_aip(tmp_path, files=files)[0])["metadata/preservation/premis.xml"])

    outcomes = {
        each.findtext("{*}eventType"): each.findtext(".//{*}eventOutcome") for each in premis.iter("{*}event")
    }

    assert outcomes.pop("digital signature validation") == outcome
    assert set(outcomes.values()) == {"success"}


def test_a_report_is_written_as_it_was_when_the_plan_was_made() -> None:
    golden = Path(__file__).parents[2] / "golden" / "signatures"
    report = report_of_json(json.loads((golden / "report.json").read_bytes()))

    assert b"".join(report_lines(report, a_plan(software=SOFTWARE))) == (golden / "written.json").read_bytes()


def test_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    aip, inventory = an_aip(tmp_path)

    assert built(tmp_path / "sip", inventory) == aip


def test_an_inventory_without_a_report_is_what_it_was_before() -> None:
    transfer = a_checked_transfer()
    plain = transfer.inventory
    aip, _ = transfer.build()

    assert unpack_inventory(pack_inventory(plain)) == plain
    assert "metadata/preservation/signatures.json" not in members(aip)
    assert b"digital signature validation" not in aip


def test_a_report_of_nothing_says_that_somebody_looked(tmp_path: Path) -> None:
    path = a_sip(tmp_path / "sip")
    standard = Standard(asking(), {}, Limits(), Verification(load_trust(None), NOW))
    verdict = judge_aloud(path, standard, lambda _: PLAIN, None, lambda _: None)
    assert verdict.inventory is not None

    report = report_of(built(path, verdict.inventory))

    assert (report["signatures"], report["trust"]["anchors"]) == ([], [])


def test_without_anchors_no_signature_is_valid(tmp_path: Path) -> None:
    path = a_sip(tmp_path / "sip", ASip(FILES[:1], (AUnit("Acte", files=(0,)),)))
    standard = Standard(asking(), {}, Limits(), Verification(load_trust(None), NOW))
    (finding,) = judge_aloud(path, standard, lambda _: PLAIN, None, lambda _: None).findings

    assert finding.code == "SIGNATURE_INDETERMINATE"
    assert "no trust anchors" in finding.params["rule"]


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_trust_that_cannot_be_used_is_a_fault_of_the_settings_among_the_others(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    environment = {"CHARTRIER_SIGNATURE_TRUST": str(tmp_path / name), "CHARTRIER_INGEST_SLOTS": "0"}

    told = [str(fault) for fault in faults_of([IngestSettings], environment)]

    assert [line.partition(":")[0] for line in told] == [
        "CHARTRIER_STAGING_URL",
        "CHARTRIER_SIGNATURE_TRUST",
        "CHARTRIER_INGEST_SLOTS",
    ]
    assert str(tmp_path) not in "".join(told)
