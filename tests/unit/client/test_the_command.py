import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from chartrier_client.command import main
from tests.unit.client.archive_double import ArchiveDouble, said, said_bytes

TRANSFERS = "/ingest/v1/transfers"
FINDING = {"code": "OBJECT_DIGEST_MISMATCH", "severity": "error", "place": "Content/a.pdf", "message": "faux"}


@pytest.fixture
def environment(archive: ArchiveDouble) -> Mapping[str, str]:
    return {
        "CHARTRIER_URL": archive.url,
        "CHARTRIER_CLIENT_ID": "the-client",
        "CHARTRIER_CLIENT_SECRET": "its-secret",
    }


@pytest.fixture
def sip(tmp_path: Path) -> Path:
    path = tmp_path / "sip.zip"
    assert main(["demo-sip", str(path)], {}) == 0
    return path


def test_an_accepted_deposit_leaves_with_0(
    archive: ArchiveDouble,
    environment: Mapping[str, str],
    sip: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    archive.says("POST", TRANSFERS, said({"id": "tr-1", "state": "received"}, 202))
    archive.says("GET", f"{TRANSFERS}/tr-1", said({"id": "tr-1", "state": "accepted", "aip_id": "aip-9"}))

    assert main(["deposit", str(sip), "--agreement", "A"], environment) == 0
    assert "aip-9" in capsys.readouterr().out


def test_a_rejected_deposit_leaves_with_2_and_tells_the_findings(
    archive: ArchiveDouble,
    environment: Mapping[str, str],
    sip: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = {**FINDING, "mend": "Refaites le paquet.", "help": "/ingest/v1/findings#OBJECT_DIGEST_MISMATCH"}
    archive.says("POST", TRANSFERS, said({"id": "tr-1", "state": "received"}, 202))
    archive.says("GET", f"{TRANSFERS}/tr-1", said({"id": "tr-1", "state": "rejected", "findings": [found]}))

    assert main(["deposit", str(sip), "--agreement", "A"], environment) == 2
    told = capsys.readouterr().out
    assert "OBJECT_DIGEST_MISMATCH Content/a.pdf : faux" in told
    assert "→ Refaites le paquet." in told


def test_an_answer_in_json_is_json_and_nothing_else(
    archive: ArchiveDouble,
    environment: Mapping[str, str],
    sip: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    body = {"id": "tr-1", "state": "rejected", "findings": [FINDING], "later": "field"}
    archive.says("POST", TRANSFERS, said({"id": "tr-1", "state": "received"}, 202))
    archive.says("GET", f"{TRANSFERS}/tr-1", said(body))
    capsys.readouterr()

    assert main(["--json", "deposit", str(sip), "--agreement", "A"], environment) == 2
    assert json.loads(capsys.readouterr().out) == body


@pytest.mark.parametrize(
    ("verdict", "code", "words"),
    [("acceptable", 0, "passerait tous les contrôles"), ("refused", 2, "serait rejeté"), ("later", 0, "later")],
)
def test_a_dry_run_is_waited_for_and_tells_its_verdict(
    archive: ArchiveDouble,
    environment: Mapping[str, str],
    sip: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    verdict: str,
    code: int,
    words: str,
) -> None:
    going_on = {"id": "tr-1", "state": "checking", "dry_run": True}
    judged = {**going_on, "state": "judged", "verdict": verdict, "findings": [FINDING]}
    archive.says("POST", TRANSFERS, said({"id": "tr-1", "state": "checking"}, 202))
    archive.says("GET", f"{TRANSFERS}/tr-1", said(going_on), said(going_on), said(judged))

    assert main(["deposit", str(sip), "--agreement", "A", "--dry-run"], environment) == code

    told = capsys.readouterr().out
    assert "essai tr-1\n… checking\n" in told
    assert words in told
    assert "OBJECT_DIGEST_MISMATCH Content/a.pdf : faux" in told
    assert [heard.query for heard in archive.requests("POST", TRANSFERS)] == [
        {"agreement": ["A"], "dry_run": ["true"]}
    ]

    assert main(["--json", "wait", "tr-1"], environment) == code
    assert json.loads(capsys.readouterr().out) == judged


def test_a_dry_run_that_is_not_waited_for_says_where_it_stands(
    archive: ArchiveDouble, environment: Mapping[str, str], sip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.says("POST", TRANSFERS, said({"id": "tr-1", "state": "checking"}, 202))
    archive.says("GET", f"{TRANSFERS}/tr-1", said({"id": "tr-1", "state": "checking", "dry_run": True}))

    assert main(["deposit", str(sip), "--agreement", "A", "--dry-run", "--no-wait"], environment) == 0
    assert "tr-1 : checking" in capsys.readouterr().out


def test_an_archive_that_deposits_instead_of_a_dry_run_is_told_of(
    archive: ArchiveDouble, environment: Mapping[str, str], sip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.says("POST", TRANSFERS, said({"id": "tr-1", "state": "received"}, 202))
    archive.says("GET", f"{TRANSFERS}/tr-1", said({"id": "tr-1", "state": "received"}))

    assert main(["deposit", str(sip), "--agreement", "A", "--dry-run"], environment) == 1
    assert "tr-1 est un versement" in capsys.readouterr().err


def test_a_refusal_an_absent_archive_or_a_slip_leave_with_1(
    archive: ArchiveDouble, environment: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    archive.says("GET", f"{TRANSFERS}/tr-1", said({"code": "forbidden", "detail": "Aucun mandat."}, 403))

    assert main(["status", "tr-1"], environment) == 1
    assert "Aucun mandat" in capsys.readouterr().err
    assert main(["deposit", "absent.zip", "--agreement", "A"], environment) == 1
    assert main(["deposit"], environment) == 1
    assert main(["status", "tr-1"], {}) == 1
    assert "CHARTRIER_URL" in capsys.readouterr().err


def test_help_leaves_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"], {}) == 0
    assert "CHARTRIER_CLIENT_SECRET" in capsys.readouterr().out


def test_a_search_prints_units_and_their_objects(
    archive: ArchiveDouble, environment: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    item = {"id": "u-1", "title": "Délibération", "objects": [{"id": "o-1", "filename": "d.pdf", "size": 9}]}
    archive.says("GET", "/access/v1/units", said({"items": [item], "next": "more"}))

    assert main(["search", "rue", "tilleuls", "--filter", "level=Item", "--limit", "1"], environment) == 0

    printed = capsys.readouterr().out
    assert "u-1  Délibération" in printed
    assert "o-1  d.pdf" in printed
    assert [heard.query for heard in archive.requests("GET", "/access/v1/units")] == [
        {"q": ["rue tilleuls"], "level": ["Item"]}
    ]


def test_an_object_is_fetched_to_a_file(
    archive: ArchiveDouble, environment: Mapping[str, str], tmp_path: Path
) -> None:
    archive.says("GET", "/access/v1/objects/o-1/content", said_bytes(b"content"))

    assert main(["get", "o-1", str(tmp_path / "d.pdf")], environment) == 0
    assert (tmp_path / "d.pdf").read_bytes() == b"content"


def test_a_failed_order_leaves_with_1(archive: ArchiveDouble, environment: Mapping[str, str], tmp_path: Path) -> None:
    archive.says("POST", "/access/v1/dips", said({"id": "d-1", "state": "ordered"}, 202))
    archive.says("GET", "/access/v1/dips/d-1", said({"id": "d-1", "state": "failed"}))

    assert main(["dip", "u-1", "--out", str(tmp_path / "dip.zip")], environment) == 1
    assert not (tmp_path / "dip.zip").exists()


def test_a_folder_is_built_without_any_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dossier").mkdir()
    (tmp_path / "dossier" / "a.txt").write_text("a", encoding="utf-8")
    agencies = ["--archival-agency", "AD", "--transferring-agency", "MAIRIE", "--message-id", "M1"]
    out = tmp_path / "sip.zip"

    assert main(["--json", "sip", "build", str(tmp_path / "dossier"), str(out), *agencies], {}) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["units"], told["files"], told["message_identifier"]) == (2, 1, "M1")
    assert out.exists()


AGREEMENT: dict[str, object] = {
    "id": "a-1",
    "archival_agencies": ["ARCHIVES"],
    "transferring_agencies": ["MAIRIE", "AUTRE"],
}
AGREEMENT |= {"establishment_identifier": "COMMUNE"}


def test_the_agencies_of_a_package_may_come_from_the_agreement(
    archive: ArchiveDouble, environment: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dossier").mkdir()
    words = ["sip", "build", str(tmp_path / "dossier"), str(tmp_path / "sip.zip"), "--agreement", "ACCORD 1"]
    archive.says("GET", "/admin/v1/agreements/ACCORD%201", said(AGREEMENT))

    # The agreement names two transferring agencies: one has to be chosen.
    assert main(words, environment) == 1
    assert "il manque --transferring-agency (" in capsys.readouterr().err
    assert main([*words, "--transferring-agency", "AUTRE"], environment) == 0

    manifest = zipfile.ZipFile(tmp_path / "sip.zip").read("manifest.xml").decode()
    for written in (
        "<ArchivalAgreement>ACCORD 1<",
        "<Identifier>ARCHIVES<",
        "<Identifier>AUTRE<",
        "AgencyIdentifier>COMMUNE<",
    ):
        assert written in manifest


def test_an_agreement_that_is_not_known_does_not_keep_a_package_from_being_built(
    archive: ArchiveDouble, environment: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dossier").mkdir()
    words = ["sip", "build", str(tmp_path / "dossier"), str(tmp_path / "sip.zip"), "--agreement", "A"]

    assert main(words, environment) == 1
    assert "--archival-agency, --transferring-agency" in capsys.readouterr().err
    archive.heard.clear()
    assert main([*words, "--archival-agency", "AD", "--transferring-agency", "M"], environment) == 0
    assert archive.heard == []


def test_a_package_has_a_name_and_a_message_of_its_own_when_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Conseil municipal").mkdir()
    (tmp_path / "Conseil municipal" / "Thumbs.db").touch()
    monkeypatch.chdir(tmp_path)
    words = ["sip", "build", "Conseil municipal", "--archival-agency", "AD", "--transferring-agency", "M", "--json"]

    told = []
    for force in ([], ["--force"]):
        assert main([*words, *force], {}) == 0
        told.append(json.loads(capsys.readouterr().out))

    assert {row["path"] for row in told} == {"Conseil municipal.zip"}
    assert len({row["message_identifier"] for row in told}) == 2
    assert told[0].keys() == {"path", "message_identifier", "units", "files", "size", "left_out", "notes"}
    assert told[0]["left_out"] == ["Thumbs.db"]


def test_a_faulty_metadata_file_leaves_with_1_and_all_its_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dossier").mkdir()
    (tmp_path / "m.csv").write_text("chemin;niveau\nabsent;Boîte\n", encoding="utf-8")
    agencies = ["--archival-agency", "AD", "--transferring-agency", "M", "--metadata", str(tmp_path / "m.csv")]
    words = ["sip", "build", str(tmp_path / "dossier"), str(tmp_path / "sip.zip"), *agencies]

    assert main(words, {}) == 1
    captured = capsys.readouterr().err
    assert "m.csv, ligne 2, colonne A «chemin» : «absent» n'est pas dans le dossier" in captured
    assert "m.csv, ligne 2, colonne B «niveau» : «Boîte» n'est pas un niveau" in captured
    assert main([*words, "--json", "--language", "en"], {}) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["error"], told["code"], told["findings"]) == ("the metadata file has 2 fault(s)", "METADATA", [])
    assert told["faults"][0] == {
        "file": "m.csv",
        "row": 2,
        "column": "A",
        "header": "chemin",
        "code": "PATH_ABSENT",
        "message": "«absent» is not in the folder",
    }
    assert not (tmp_path / "sip.zip").exists()


def test_deposits_are_listed(
    archive: ArchiveDouble, environment: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"id": f"tr-{number}", "state": "rejected", "message_identifier": "M"} for number in range(3)]
    archive.says("GET", TRANSFERS, said({"items": rows, "next": None}))

    assert main(["list", "--state", "rejected", "--limit", "2"], environment) == 0
    assert capsys.readouterr().out == "tr-0  rejected  M\ntr-1  rejected  M\n"
    assert archive.requests("GET", TRANSFERS)[0].query == {"state": ["rejected"]}
    assert main(["list", "--json"], environment) == 0
    assert json.loads(capsys.readouterr().out) == {"items": rows}
    archive.says("GET", TRANSFERS, said({"items": [], "next": None}))
    assert main(["list", "--language", "en"], environment) == 0
    assert capsys.readouterr().out == "no transfer\n"


def test_a_deposit_without_an_agreement_is_a_slip_and_one_may_be_set(
    archive: ArchiveDouble, environment: Mapping[str, str], sip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deposit", str(sip)], environment) == 1
    assert "--agreement" in capsys.readouterr().err
    archive.says("POST", TRANSFERS, said({"id": "tr-1"}, 202))
    archive.says("GET", f"{TRANSFERS}/tr-1", said({"id": "tr-1", "state": "received"}))

    assert main(["deposit", str(sip), "--no-wait"], {**environment, "CHARTRIER_AGREEMENT": "SET"}) == 0
    assert archive.requests("POST", TRANSFERS)[0].query == {"agreement": ["SET"]}


def test_an_archive_that_knows_no_uploads_is_sent_a_large_package_at_once(
    archive: ArchiveDouble, environment: Mapping[str, str], sip: Path
) -> None:
    around = {**environment, "CHARTRIER_RESUMABLE_FROM": "0"}
    archive.says("POST", TRANSFERS, said({"id": "tr-1"}, 202))
    archive.says("GET", f"{TRANSFERS}/tr-1", said({"id": "tr-1", "state": "accepted"}))

    assert main(["deposit", str(sip), "--agreement", "A"], around) == 0
    assert len(archive.requests("POST", "/ingest/v1/uploads")) == 1
    # Whoever asks for pieces gets pieces or nothing.
    assert main(["deposit", str(sip), "--agreement", "A", "--resumable"], around) == 1
    assert len(archive.requests("POST", TRANSFERS)) == 1


def test_a_failure_in_json_has_its_code_and_its_findings(
    archive: ArchiveDouble, environment: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {"code": "refused", "detail": "Accord clos.", "findings": [FINDING]}
    archive.says("GET", f"{TRANSFERS}/tr-1", said(refused, 409))

    assert main(["status", "tr-1", "--json"], environment) == 2
    assert json.loads(capsys.readouterr().out) == {
        "error": "Accord clos. (409 refused)",
        "code": "refused",
        "findings": [FINDING],
    }
