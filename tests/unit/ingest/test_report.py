"""The report for people: self-contained, escaped, in their language, with what to mend, for any package."""

from dataclasses import replace

import pytest
from lxml import html

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.places import place_in_words, reading_order
from services.ingest.domain.records import findings_to_json, header_to_json
from services.ingest.domain.transfer import TransferState
from services.ingest.html_page import shown
from services.ingest.queries import Transfer
from services.ingest.report import report
from tests.builders.aips import a_header
from tests.unit.ingest.test_views import ACCEPTED, RECEIVED, REJECTED

MISSING = found("OBJECT_FILE_MISSING", "manifest.xml:100 obj-2", uri="Content/b.pdf")
EARLIER = found("UNIT_TITLE_EMPTY", "manifest.xml:20 unit-1")
EMPTY = found("OBJECT_EMPTY", "Content/a.pdf")
WEAK = found("OBJECT_DIGEST_WEAK", "manifest.xml", count="2", algorithm="MD5")


def with_findings(transfer: Transfer, *findings: Finding) -> Transfer:
    return replace(transfer, findings=findings_to_json(findings), counts={"units": 1, "objects": 2, "files": 2})


def shown_text(transfer: Transfer, language: str = "fr") -> str:
    return text_of(html.document_fromstring(report(transfer, language)))


def text_of(page: html.HtmlElement) -> str:
    (body,) = page.xpath("//body")
    return str(body.text_content())


def test_errors_come_first_each_at_its_place_in_the_order_of_the_manifest() -> None:
    page = html.document_fromstring(report(with_findings(REJECTED, WEAK, EMPTY, MISSING, EARLIER), "fr"))

    assert page.xpath("//section/@class") == ["error", "warning", "info"]
    places = [heading.text for heading in page.xpath("//section//h3")]
    assert places == [
        "manifest.xml, ligne 20, unit-1",
        "manifest.xml, ligne 100, obj-2",
        "Content/a.pdf",
        "manifest.xml",
    ]
    assert page.xpath("//section[1]//code/text()") == ["UNIT_TITLE_EMPTY", "OBJECT_FILE_MISSING"]


def test_each_finding_says_what_it_is_and_what_to_do() -> None:
    told = shown_text(with_findings(REJECTED, MISSING))

    assert "Versement refusé : versement.zip" in told
    assert "Le fichier « Content/b.pdf » annoncé par l’objet n’est pas dans le paquet." in told
    assert "Ajoutez le fichier « Content/b.pdf » au paquet" in told
    assert "1\u00a0234 octets" in told
    assert "02/03/2026 à 09:15" in told


def test_it_speaks_english_to_whoever_asks() -> None:
    page = report(with_findings(REJECTED, MISSING, EMPTY), "en")

    assert '<html lang="en">' in page
    told = shown_text(with_findings(REJECTED, MISSING, EMPTY), "en")
    assert "Transfer rejected" in told
    assert "Add the file “Content/b.pdf” to the package" in told
    assert "Warnings, which refuse nothing (1)" in told


def test_the_same_advice_is_written_once() -> None:
    findings = [found("UNIT_TITLE_EMPTY", f"manifest.xml:{line} unit-{line}") for line in (1, 2, 3)]

    told = shown_text(with_findings(REJECTED, *findings))

    assert told.count("Donnez un titre") == 1
    assert told.count("comme plus haut") == 2


@pytest.mark.parametrize(
    ("transfer", "told"),
    [
        (RECEIVED, "Versement en cours de traitement"),
        (ACCEPTED, "Versement accepté"),
        (replace(RECEIVED, state=TransferState.AWAITING_DECISION), "en attente de la décision d’un archiviste"),
    ],
    ids=["received", "accepted", "awaiting"],
)
def test_there_is_a_report_in_every_state(transfer: Transfer, told: str) -> None:
    assert told in shown_text(transfer)
    assert "Aucun constat." in shown_text(transfer)


def test_a_dry_run_says_what_would_have_become_of_it() -> None:
    judged = replace(REJECTED, state=TransferState.JUDGED)

    assert "Essai : ce versement serait refusé" in shown_text(with_findings(judged, MISSING))
    assert "Essai : ce versement serait accepté" in shown_text(with_findings(judged, EMPTY))
    assert "rien n’en est conservé que ce rapport" in shown_text(with_findings(judged, EMPTY))


def test_of_an_unreadable_package_it_says_that_there_may_be_more() -> None:
    more = "d’autres constats peuvent apparaître"
    unread = replace(with_findings(REJECTED, found("CONTAINER_TRUNCATED", "container")), header=None, counts={})

    assert more in shown_text(unread)
    assert "le paquet entier" in shown_text(unread)
    assert more not in shown_text(with_findings(REJECTED, MISSING))
    assert more in shown_text(replace(with_findings(REJECTED, MISSING), counts={"units": 1}))
    assert more in shown_text(replace(with_findings(REJECTED, MISSING), header=None))


def test_what_a_depositor_wrote_is_text_and_nothing_else() -> None:
    hostile = '"><script>alert(1)</script>&<img src=x onerror=alert(2)>'
    findings = [
        found("OBJECT_FILE_MISSING", f"manifest.xml:1 {hostile}", uri=hostile),
        found("DECISION_REFUSED", hostile, reason=hostile),
        Finding(hostile, Severity.WARNING, hostile, {}),
    ]
    header = header_to_json(a_header())
    transfer = replace(
        with_findings(REJECTED, *findings),
        filename=hostile,
        reason=hostile,
        message_identifier=hostile,
        transferring_agency=hostile,
        header=header,
    )

    page = html.document_fromstring(report(transfer, "fr"))

    assert not page.xpath(
        "//script | //img | //link | //iframe | //*[@src or @href] | //@*[starts-with(name(), 'on')]"
    )
    assert page.xpath("//title")[0].text_content() == f"Versement refusé : {hostile}"
    assert hostile in text_of(page)


def test_nothing_is_fetched_and_nothing_runs() -> None:
    answer = shown(report(REJECTED, "fr"), "fr")

    assert "url(" not in bytes(answer.body).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert answer.headers["content-language"] == "fr"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("place", "french", "english"),
    [
        ("container", "le paquet entier", "the whole package"),
        ("decision", "la décision de l’archiviste", "the archivist’s decision"),
        ("manifest.xml:51 ID22", "manifest.xml, ligne 51, ID22", "manifest.xml, line 51, ID22"),
        ("lot-1_manifest.xml:51", "lot-1_manifest.xml, ligne 51", "lot-1_manifest.xml, line 51"),
        ("manifest.xml ArchiveTransfer", "manifest.xml, l’en-tête", "manifest.xml, the header"),
        ("manifest.xml:3 a\nb", "manifest.xml, ligne 3, a\nb", "manifest.xml, line 3, a\nb"),
        ("Content/acte n° 3:1 bis.pdf", "Content/acte n° 3:1 bis.pdf", "Content/acte n° 3:1 bis.pdf"),
    ],
)
def test_a_place_is_told_in_words(place: str, french: str, english: str) -> None:
    assert place_in_words(place, "fr") == french
    assert place_in_words(place, "en") == english


def test_lines_are_in_the_order_of_numbers() -> None:
    places = ["manifest.xml:100 b", "manifest.xml:20 a", "container", "Content/a.pdf"]

    assert sorted(places, key=reading_order) == [
        "container",
        "Content/a.pdf",
        "manifest.xml:20 a",
        "manifest.xml:100 b",
    ]


def test_the_profile_that_judged_is_named_and_what_to_do_about_it_said_once() -> None:
    which = {"profile": "PES", "version": "3", "reason": "x"}
    findings = [found("PROFILE_INVALID", f"manifest.xml:{line}", path=f"/{line}", **which) for line in (1, 2)]
    applied = {"identifier": "PES", "version": 3, "kind": "relaxng", "sha512": "ab" * 64}

    told = shown_text(replace(with_findings(REJECTED, *findings), profile=applied))

    assert "Profil d’archivagePES version 3" in told.replace("\n", "")
    assert told.count("selon le profil « PES »") == 1
    assert "Profil d’archivage" not in shown_text(REJECTED)
