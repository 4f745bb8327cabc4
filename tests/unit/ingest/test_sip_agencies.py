"""Agencies, for the whole transfer and in units: those that the agreement knows, where it names any."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.ingest.domain.agreement import Agreement, MatchHeader
from services.ingest.domain.finding_texts import text
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.limits import Limits
from services.ingest.domain.mend_texts import mend
from services.ingest.pipeline.judge import judge
from tests.builders.sips import AFile, ASip, AUnit, a_manifest, a_sip, an_agreement, codes
from tests.unit.ingest.test_sip_checks import PLAIN

SUBMISSION = "<SubmissionAgencyIdentifier>OPERATEUR</SubmissionAgencyIdentifier>"
FULL = ASip(management=SUBMISSION)

RECORDING = an_agreement()
STRICT = an_agreement(match_header=MatchHeader.STRICT)


def findings(folder: Path, sip: ASip, agreement: Agreement) -> list[Finding]:
    verdict = judge(a_sip(folder / "sip", sip), agreement, {}, Limits(), lambda _: PLAIN, None)
    return [finding for finding in verdict.findings if finding.code.startswith(("AGENCY_", "HEADER_"))]


def knowing(role: str, *agencies: str) -> Agreement:
    """A strict agreement that lists agencies in one role."""
    lists: dict[str, Any] = {role: agencies}
    return replace(STRICT, **lists)


def named_in_units(*agencies: str, element: str = "OriginatingAgency") -> ASip:
    """A SIP whose files are units of their own, each of which names an agency."""
    extra = f"<{element}>\n<Identifier>%s</Identifier></{element}>"
    units = tuple(
        AUnit(f"Pièce {n}", files=(n,), extra=extra % agency if agency else "") for n, agency in enumerate(agencies)
    )
    return ASip(tuple(AFile(f"Content/{n}.txt", f"{n}\n".encode()) for n in range(len(agencies))), units)


@pytest.mark.parametrize("agreement", [RECORDING, STRICT], ids=["record", "strict"])
def test_an_agreement_that_names_no_agencies_says_nothing_of_them(tmp_path: Path, agreement: Agreement) -> None:
    assert findings(tmp_path, FULL, agreement) == []
    assert findings(tmp_path, named_in_units("AUTRE"), agreement) == []


ROLES = [
    ("archival_agencies", "CDG", "AGENCY_ARCHIVAL_UNKNOWN", "ArchivalAgency"),
    ("transferring_agencies", "COMMUNE-1", "AGENCY_TRANSFERRING_UNKNOWN", "TransferringAgency"),
    ("submission_agencies", "OPERATEUR", "AGENCY_SUBMISSION_UNKNOWN", "SubmissionAgencyIdentifier"),
]


@pytest.mark.parametrize(("role", "named", "code", "element"), ROLES)
def test_an_agency_that_the_agreement_does_not_know_is_refused_in_its_role_alone(
    tmp_path: Path, role: str, named: str, code: str, element: str
) -> None:
    known = knowing(role, "AUTRE", named)
    unknown = knowing(role, "AUTRE", named.lower())
    line = a_manifest(FULL).decode().split(f"<{element}>")[0].count("\n") + 1

    assert findings(tmp_path, FULL, known) == []
    (finding,) = findings(tmp_path, FULL, unknown)
    assert (finding.code, finding.severity) == (code, Severity.ERROR)
    assert finding.place == f"manifest.xml:{line}"
    assert finding.params == {
        "element": element,
        "found": named,
        "count": "1",
        "known": f"AUTRE, {named.lower()}",
    }


def test_where_the_agreement_only_records_an_unknown_agency_is_a_warning(tmp_path: Path) -> None:
    recording = replace(RECORDING, transferring_agencies=("AUTRE",))

    (finding,) = findings(tmp_path, FULL, recording)

    assert (finding.code, finding.severity) == ("AGENCY_TRANSFERRING_UNKNOWN", Severity.WARNING)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("COMMUNE-1", []),
        ("FINANCES", []),
        ("FINANCE", ["AGENCY_ORIGINATING_UNKNOWN"]),
        (None, ["HEADER_AGENCY_MISSING"]),
    ],
)
def test_listed_originating_agencies_are_known_beside_the_establishment(
    tmp_path: Path, named: str | None, expected: list[str]
) -> None:
    listing = replace(STRICT, originating_agencies=("FINANCES", "ECOLES"))

    assert codes(findings(tmp_path, ASip(originating_agency=named), listing)) == expected


def test_without_a_list_the_originating_agency_is_the_establishment(tmp_path: Path) -> None:
    assert codes(findings(tmp_path, ASip(originating_agency="FINANCES"), STRICT)) == ["HEADER_AGENCY_MISMATCH"]


@pytest.mark.parametrize(
    ("element", "role", "code"),
    [
        ("OriginatingAgency", "originating_agencies", "AGENCY_ORIGINATING_UNKNOWN"),
        ("SubmissionAgency", "submission_agencies", "AGENCY_SUBMISSION_UNKNOWN"),
    ],
)
def test_what_units_name_is_told_once_an_agency_where_it_first_stands(
    tmp_path: Path, element: str, role: str, code: str
) -> None:
    sip = named_in_units("CONNU", "", "AUTRE", "CONNU", "AUTRE", "TIERS", element=element)
    lines = a_manifest(sip).decode().split("\n")
    line = next(n for n, each in enumerate(lines, 1) if "<Identifier>AUTRE<" in each) - 1

    told = findings(tmp_path, sip, knowing(role, "CONNU"))

    assert [(each.code, each.params["found"], each.params["count"]) for each in told] == [
        (code, "AUTRE", "2"),
        (code, "TIERS", "1"),
    ]
    assert told[0].place == f"manifest.xml:{line} unit-3"
    assert told[0].params["element"] == element


def test_seda_2_0_names_them_in_any_description_of_a_unit(tmp_path: Path) -> None:
    agency = "<OriginatingAgency><Identifier>{}</Identifier></OriginatingAgency>"
    again = f"{agency.format('UN')}</Content><Content><Title>Autre</Title>{agency.format('DEUX')}"
    sip = ASip((AFile("Content/a.txt"),), (AUnit("Pièce", files=(0,), extra=again),), version="2.0")

    told = findings(tmp_path, sip, replace(STRICT, originating_agencies=("CONNU",)))

    unknown = [finding for finding in told if finding.code == "AGENCY_ORIGINATING_UNKNOWN"]
    assert [(each.params["found"], each.place.split()[1]) for each in unknown] == [
        ("UN", "unit-1"),
        ("DEUX", "unit-1"),
    ]


def test_the_texts_name_the_agency_and_some_of_those_that_are_known(tmp_path: Path) -> None:
    many = tuple(f"SERVICE-{n}" for n in range(9))
    (finding,) = findings(tmp_path, FULL, replace(STRICT, transferring_agencies=many))

    assert text(finding, "fr") == (
        "TransferringAgency nomme « COMMUNE-1 » (1 fois), que l’accord ne connaît pas comme service versant ; il "
        "connaît (SERVICE-0, SERVICE-1, SERVICE-2, SERVICE-3, SERVICE-4 …)."
    )
    assert "does not know as transferring agency" in text(finding, "en")
    assert "SERVICE-4" in mend(finding, "fr")
    assert "add “COMMUNE-1” to the agreement" in mend(finding, "en")
