"""Transfers as HTTP shows them: what is known, in the reader's language, and links to what exists."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.ingest.domain.records import header_to_json
from services.ingest.domain.transfer import TransferState
from services.ingest.queries import Transfer
from services.ingest.views import links, summary_view, transfer_view
from tests.builders.aips import a_header

HERE = "/ingest/v1/transfers/01890a5d-ac96-774b-bcce-b302099a8001"
AT = datetime(2026, 3, 2, 9, 15, 0, 120000, UTC)
RECEIVED = Transfer(
    id=UUID("01890a5d-ac96-774b-bcce-b302099a8001"),
    establishment=UUID("01890a5d-ac96-774b-bcce-b302099a8002"),
    agreement=UUID("01890a5d-ac96-774b-bcce-b302099a8003"),
    agreement_version=1,
    depositor="client:pastell",
    state=TransferState.RECEIVED,
    received_at=AT,
    changed_at=AT,
    filename="versement.zip",
    staging_key="sips/x",
    size=1234,
    sha512="ab" * 64,
    header=None,
    message_identifier=None,
    transferring_agency=None,
    findings=[],
    steps=[{"state": "received", "at": "2026-03-02T09:15:00.120Z"}],
    aip_id=None,
    counts=None,
    built=None,
    reason=None,
    granted_at=None,
    reply_key=None,
)
AIP = UUID("01890a5d-ac96-774b-bcce-b302099a8004")
CHECKED = replace(RECEIVED, state=TransferState.STORING, header=header_to_json(a_header()), aip_id=AIP)
ACCEPTED = replace(CHECKED, state=TransferState.ACCEPTED, granted_at=AT, reply_key="replies/x.xml")
REJECTED = replace(CHECKED, state=TransferState.REJECTED, reply_key="replies/x.xml")


@pytest.mark.parametrize(
    ("transfer", "names"),
    [
        (RECEIVED, {"self", "report"}),
        (CHECKED, {"self", "report", "acknowledgement"}),
        (REJECTED, {"self", "report", "acknowledgement", "reply"}),
        (ACCEPTED, {"self", "report", "acknowledgement", "reply", "units", "copies", "receipt"}),
    ],
    ids=["received", "storing", "rejected", "accepted"],
)
def test_there_are_links_to_what_there_is(transfer: Transfer, names: set[str]) -> None:
    assert set(links(transfer)) == names


def test_a_header_that_names_no_message_cannot_be_acknowledged() -> None:
    nameless = header_to_json(replace(a_header(), message_identifier=""))

    assert "acknowledgement" not in links(replace(CHECKED, header=nameless))


def test_links_lead_to_the_rooms_that_answer() -> None:
    found = links(ACCEPTED)

    assert (found["self"], found["reply"]) == (HERE, f"{HERE}/reply")
    assert found["units"] == f"/access/v1/units?transfer={ACCEPTED.id}"
    assert found["copies"] == f"/storage/v1/aips/{AIP}/copies"


def test_a_refused_transfer_names_no_aip() -> None:
    assert summary_view(CHECKED)["aip_id"] == str(AIP)
    assert summary_view(REJECTED)["aip_id"] is None
    assert summary_view(RECEIVED)["aip_id"] is None


def test_times_are_told_in_their_one_form() -> None:
    shown = summary_view(ACCEPTED)

    assert (shown["received_at"], shown["granted_at"]) == ("2026-03-02T09:15:00.120Z", "2026-03-02T09:15:00.120Z")
    assert summary_view(CHECKED)["granted_at"] is None


def test_where_things_lie_inside_is_nobodys_business() -> None:
    shown = transfer_view(ACCEPTED, "fr")

    assert not {"staging_key", "reply_key", "header", "built", "inventory", "plan"} & set(shown)
    assert "sips/x" not in str(shown)


@pytest.mark.parametrize(("language", "word"), [("fr", "refusé"), ("en", "refused")])
def test_a_finding_is_told_in_the_readers_language_under_a_code_that_stays(language: str, word: str) -> None:
    finding = {
        "code": "DECISION_REFUSED",
        "severity": "error",
        "place": "decision",
        "params": {"reason": "Déjà versé."},
    }

    (shown,) = transfer_view(replace(REJECTED, findings=[finding]), language)["findings"]

    assert {name: shown[name] for name in ("code", "severity", "place")} == {
        "code": "DECISION_REFUSED",
        "severity": "error",
        "place": "decision",
    }
    assert word in shown["message"]
    assert shown["help"] == "/ingest/v1/findings#DECISION_REFUSED"
    assert shown["mend"].startswith({"fr": "Lisez", "en": "Read"}[language])
    assert "Déjà versé." in shown["message"]
    assert shown["details"] == {"reason": "Déjà versé."}


@pytest.mark.parametrize(("language", "expected"), [("fr", "une date"), ("en", "a date")])
def test_details_are_in_the_readers_language_where_they_are_words(language: str, expected: str) -> None:
    words = {"reason": "No.", "reason_fr": "Non.", "expected": "a date", "expected_fr": "une date"}
    params = {"version": "2.1", "path": "/ArchiveTransfer/Date", "found": "hier", **words}
    finding = {"code": "MANIFEST_SCHEMA", "severity": "error", "place": "manifest.xml:3", "params": params}

    (shown,) = transfer_view(replace(REJECTED, findings=[finding]), language)["findings"]

    assert shown["details"] == {
        "version": "2.1",
        "path": "/ArchiveTransfer/Date",
        "found": "hier",
        "reason": {"fr": "Non.", "en": "No."}[language],
        "expected": expected,
    }


def test_a_transfer_shows_by_which_profile_it_was_judged() -> None:
    applied = {"identifier": "PES", "version": 3, "kind": "relaxng", "sha512": "ab" * 64}

    assert transfer_view(replace(ACCEPTED, profile=applied), "fr")["profile"] == applied
    assert transfer_view(ACCEPTED, "fr")["profile"] is None
