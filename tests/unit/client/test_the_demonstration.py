import io
import json
import stat
from pathlib import Path

import pytest

from chartrier_client.demo import DemoFailed, main, run_demo
from chartrier_client.samples.deposit import COUNCIL_DAY
from chartrier_client.samples.town_hall import DELIBERATION_TITLE, deliberation
from tests.unit.client.archive_double import ArchiveDouble, Said, said, said_bytes

SEDA = "fr:gouv:culture:archivesdefrance:seda:v2.2"


@pytest.fixture
def admin_file(archive: ArchiveDouble, tmp_path: Path) -> Path:
    path = tmp_path / "admin-client.json"
    path.write_text(
        json.dumps({"base_url": archive.url, "client_id": "admin", "client_secret": "s"}), encoding="utf-8"
    )
    return path


@pytest.fixture
def ready(archive: ArchiveDouble) -> ArchiveDouble:
    """An archive that accepts the demonstration deposit."""
    content = deliberation(COUNCIL_DAY).content
    assert isinstance(content, bytes)
    file = {"id": "o-1", "filename": "d.pdf", "size": len(content), "format": "fmt/276"}
    unit = {"id": "u-1", "title": DELIBERATION_TITLE, "objects": [file]}
    copy = {"site": "nord", "place": "Lille", "state": "verified", "verified_at": "2026-01-01T00:00:00Z"}
    archive.says("POST", "/admin/v1/establishments", said({"id": "e-1"}, 201))
    archive.says("PUT", "/admin/v1/rules", said({"changed": 3}))
    archive.says("POST", "/admin/v1/agreements", said({"id": "a-1"}, 201))
    archive.says("POST", "/admin/v1/clients", said({"client_id": "demo", "client_secret": "shh"}, 201))
    archive.says("POST", "/ingest/v1/transfers", said({"id": "tr-1", "state": "received"}, 202))
    archive.says(
        "GET",
        "/ingest/v1/transfers/tr-1",
        said({"id": "tr-1", "state": "checking"}),
        said({"id": "tr-1", "state": "accepted", "aip_id": "aip-1", "findings": []}),
    )
    for message, inside in (
        ("acknowledgement", "<Acknowledgement xmlns='{ns}'/>"),
        ("reply", "<ArchiveTransferReply xmlns='{ns}'><ReplyCode>OK</ReplyCode></ArchiveTransferReply>"),
    ):
        archive.says("GET", f"/ingest/v1/transfers/tr-1/{message}", Said(200, inside.format(ns=SEDA).encode()))
    archive.says("GET", "/access/v1/units", said({"items": [unit], "next": None, "total": 1}))
    archive.says("GET", "/access/v1/objects/o-1/content", said_bytes(content))
    archive.says("GET", "/storage/v1/aips/aip-1/copies", said({"copies": [copy]}))
    return archive


def test_the_whole_story_is_told(ready: ArchiveDouble, admin_file: Path) -> None:
    out = io.StringIO()

    run_demo(ready.url, admin_file, out)

    story = out.getvalue()
    for passage in (
        "établissement DEMO-VALOMBREUSE",
        "4 unités d'archives, 3 fichiers",
        "contrôles : conteneur",
        "accepté en ",
        "Acknowledgement (",
        "ArchiveTransferReply, code OK",
        DELIBERATION_TITLE,
        "identiques bit pour bit",
        "site nord (Lille) : verified",
        "deposit autre.zip --agreement DEMO-ACCORD",
    ):
        assert passage in story
    assert "\x1b[" not in story
    assert ready.requests("GET", "/access/v1/units")[0].query == {"q": ["parcelles tilleuls"]}


def test_the_newcomer_keeps_a_client_of_their_own_that_others_cannot_read(
    ready: ArchiveDouble, admin_file: Path
) -> None:
    run_demo(ready.url, admin_file, io.StringIO())

    kept = admin_file.with_name("demo-client.json")
    assert json.loads(kept.read_text(encoding="utf-8")) == {
        "base_url": ready.url,
        "client_id": "demo",
        "client_secret": "shh",
    }
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_the_demonstration_asks_for_a_lenient_agreement_and_a_narrow_mandate(
    ready: ArchiveDouble, admin_file: Path
) -> None:
    run_demo(ready.url, admin_file, io.StringIO())

    agreement = ready.requests("POST", "/admin/v1/agreements")[0].json()
    client = ready.requests("POST", "/admin/v1/clients")[0].json()
    assert {name: agreement[name] for name in ("match_header", "unknown_rules", "usages", "decision")} == {
        "match_header": "record",
        "unknown_rules": "warn",
        "usages": "lenient",
        "decision": "automatic",
    }
    assert client["mandates"] == [{"establishment": "e-1", "roles": ["depositor", "reader"]}]


def test_a_second_demonstration_finds_other_names(ready: ArchiveDouble, admin_file: Path) -> None:
    taken = said({"code": "conflict", "detail": "Déjà pris."}, 409)
    ready.says("POST", "/admin/v1/establishments", taken, said({"id": "e-2"}, 201))

    run_demo(ready.url, admin_file, io.StringIO())

    first, second = ready.requests("POST", "/admin/v1/establishments")
    assert second.json()["identifier"].startswith(f"{first.json()['identifier']}-")


def test_a_rejection_is_told_with_its_findings(ready: ArchiveDouble, admin_file: Path) -> None:
    finding = {"code": "RULE_UNKNOWN", "severity": "error", "place": "UA2", "message": "règle inconnue"}
    ready.says(
        "GET",
        "/ingest/v1/transfers/tr-1",
        said({"id": "tr-1", "state": "rejected", "findings": [finding]}),
    )
    out = io.StringIO()

    with pytest.raises(DemoFailed, match="rejeté"):
        run_demo(ready.url, admin_file, out)
    assert "RULE_UNKNOWN UA2 : règle inconnue" in out.getvalue()


def test_one_changed_bit_is_seen(ready: ArchiveDouble, admin_file: Path) -> None:
    ready.says("GET", "/access/v1/objects/o-1/content", said_bytes(b"another document"))

    with pytest.raises(DemoFailed, match="n'est pas celui"):
        run_demo(ready.url, admin_file, io.StringIO())


def test_an_archive_that_finds_nothing_fails_the_demonstration(ready: ArchiveDouble, admin_file: Path) -> None:
    ready.says("GET", "/access/v1/units", said({"items": [], "next": None, "total": 0}))

    with pytest.raises(DemoFailed, match="parcelles tilleuls"):
        run_demo(ready.url, admin_file, io.StringIO())


def test_the_command_says_in_a_sentence_why_it_stopped(
    ready: ArchiveDouble, admin_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--base-url", ready.url, "--admin-client", str(admin_file)]

    assert main(words) == 0
    ready.says("POST", "/admin/v1/token", said({"code": "unauthorised", "detail": "Secret faux."}, 401))
    assert main(words) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("La démonstration s'est arrêtée")
    assert "Secret faux." in line
