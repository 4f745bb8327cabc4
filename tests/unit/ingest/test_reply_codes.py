"""ReplyCode in either vocabulary that an agreement may ask for."""

import re
from pathlib import Path

import pytest

from services.ingest.domain.agreement import ReplyCodes
from services.ingest.domain.finding_texts import TEXTS, found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.pipeline import reply_codes
from services.ingest.pipeline.reply_codes import LISTS, reply_code

WARNING = found("OBJECT_EMPTY", "Content/a.pdf")
NOTE = found("OBJECT_DIGEST_WEAK", "manifest.xml")


def an_error(code: str) -> Finding:
    return found(code, "manifest.xml", Severity.ERROR)


@pytest.mark.parametrize(
    ("findings", "vitam", "numeric"),
    [
        ((), "OK", "000"),
        ((NOTE,), "OK", "000"),
        # Any other code would be read as a refusal by the clients that this list is for.
        ((WARNING, NOTE), "WARNING", "000"),
        ((an_error("OBJECT_DIGEST_MISMATCH"), WARNING), "KO", "207"),
        ((an_error("OBJECT_FILE_MISSING"),), "KO", "211"),
        ((an_error("HEADER_AGREEMENT_MISMATCH"),), "KO", "300"),
        ((an_error("HEADER_AGREEMENT_SUSPENDED"),), "KO", "300"),
        ((an_error("HEADER_AGREEMENT_DATES"),), "KO", "312"),
        ((an_error("HEADER_QUOTA"),), "KO", "301"),
        ((an_error("AGENCY_ORIGINATING_UNKNOWN"),), "KO", "302"),
        ((an_error("AGENCY_TRANSFERRING_UNKNOWN"),), "KO", "303"),
        ((an_error("AGENCY_ARCHIVAL_UNKNOWN"),), "KO", "304"),
        ((an_error("SIGNATURE_MISSING"),), "KO", "305"),
        ((an_error("SIGNATURE_INVALID"),), "KO", "310"),
        ((an_error("SIGNATURE_INDETERMINATE"),), "KO", "311"),
        ((an_error("SIGNATURE_MESSAGE_INVALID"),), "KO", "206"),
        ((an_error("SIGNATURE_MESSAGE_MISSING"),), "KO", "309"),
        ((an_error("MANIFEST_SCHEMA"),), "KO", "101"),
        ((an_error("HEADER_AGREEMENT_MISMATCH"), an_error("OBJECT_FILE_MISSING"), NOTE), "KO", "211"),
    ],
)
def test_a_verdict_has_its_code_in_both_vocabularies(findings: tuple[Finding, ...], vitam: str, numeric: str) -> None:
    assert reply_code(ReplyCodes.VITAM, findings) == vitam
    assert reply_code(ReplyCodes.NUMERIC, findings) == numeric


def test_what_a_later_version_found_still_has_a_code() -> None:
    assert reply_code(ReplyCodes.NUMERIC, [Finding("OF_LATER_VERSION", Severity.ERROR, "p")]) == "101"


def test_the_numbers_are_given_to_findings_that_exist() -> None:
    source = Path(reply_codes.__file__).read_text(encoding="utf-8")
    named = re.findall(r'"([A-Z]+_[A-Z_]+)": "(\d{3})"', source)

    assert len(named) >= 10
    assert {code for code, _ in named} <= TEXTS.keys()


def test_each_vocabulary_has_a_name_of_its_own() -> None:
    assert len({LISTS[vocabulary] for vocabulary in ReplyCodes}) == len(ReplyCodes)
