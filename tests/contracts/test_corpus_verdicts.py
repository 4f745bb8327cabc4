"""Real SEDA packages and what we say of them (`tests/corpus_location.py` tells where they are)."""

import csv
import hashlib
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from services.ingest.adapters.siegfried import Siegfried
from services.ingest.domain.agreement import Agreement, MatchHeader, UnknownRules, Usages
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.limits import Limits
from services.ingest.domain.tolerances import FAR_DATES, TOLERANCES
from services.ingest.pipeline.judge import Verdict, judge
from services.ingest.pipeline.schema import NAMESPACES
from tests.builders.sips import an_agreement
from tests.corpus_location import corpus_dir

# Refused by an agreement that forgives nothing, and why, although nothing but another system's reasons is against
# them: the grammar of SEDA 2.0, and a rule of the year 9000 (docs/decisions/0031-tolerances.md).
FORGIVEN_ONLY = {
    "invalid/vitam__KO_FILE_extension_caractere_special_2.zip": "MANIFEST_SCHEMA",
    "invalid/itests__KO_1791_SIP_RG-STARTDATE_AN9000.zip": "RULE_DATE_FAR",
}

# Refused however lenient the agreement, of those that depend on what must exist beforehand: what they ask for is
# written as no version of SEDA has it, or contradicts itself.
NEVER_TAKEN = {
    "invalid/itests__KO_WRONG_ATTACHMENT_GOT.zip": "MANIFEST_SCHEMA",
    "warning/itests__OK_attachment_to_existing_GOT.zip": "MANIFEST_SCHEMA",
    "invalid/vitam__SIP_KO_HoldRules_HoldEndDateBeforeStartDate.zip": "RULE_DATES_REVERSED",
    "warning/itests__all-metadata.zip": "MANIFEST_SCHEMA REFERENCE_INTO_GROUP",
}

# The family of a defect, and the codes that tell of it.
EXPECTED_CODES = {
    "CONTAINER": ("CONTAINER_",),
    "CYCLE": ("REFERENCE_CYCLE",),
    "DIGEST": ("OBJECT_DIGEST_",),
    "DIGEST+URI/COUNT": ("OBJECT_",),
    "ORPHAN": ("REFERENCE_ORPHAN_",),
    "REFERENCE": ("REFERENCE_",),
    "UNIT-SCHEMA/DATES": ("UNIT_", "RULE_DATE"),
    "URI/COUNT": ("OBJECT_FILE_",),
    "USAGE/ALGO": ("OBJECT_",),
    "VERSION-SEDA": ("MANIFEST_VERSION",),
    "XSD(official)": ("MANIFEST_SCHEMA", "MANIFEST_VERSION"),
    "XSD-ID/IDREF (libxml2 blind)": ("REFERENCE_DUPLICATE_ID",),
}


PLAIN = an_agreement()
LENIENT = an_agreement(schema_tolerances=(*TOLERANCES, FAR_DATES))
STRICT = an_agreement(match_header=MatchHeader.STRICT, unknown_rules=UnknownRules.REJECT, usages=Usages.STRICT)


def rows(*expected: str) -> list[dict[str, str]]:
    """The rows of the corpus that a test is about."""
    with (corpus_dir() / "expected.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["expected"] in expected]


@cache
def verdict_on(path: Path, agreement: Agreement) -> Verdict:
    return judge(path, agreement, {}, Limits(), siegfried().identify, None)


@cache
def siegfried() -> Siegfried:
    return Siegfried()


def errors(row: dict[str, str], agreement: Agreement = PLAIN) -> list[Finding]:
    findings = verdict_on(corpus_dir() / row["file"], agreement).findings
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def test_every_package_is_of_a_kind_that_is_judged_here() -> None:
    with (corpus_dir() / "expected.csv").open(encoding="utf-8", newline="") as file:
        kinds = Counter(row["expected"] for row in csv.DictReader(file))

    assert kinds.keys() == {"accept", "reject", "tolerance", "strict", "referential", "vitam-only"}
    assert kinds.total() == 157


@pytest.mark.parametrize("agreement", [PLAIN, LENIENT], ids=["plain", "lenient"])
def test_what_is_to_be_accepted_has_no_error(agreement: Agreement) -> None:
    refused = {row["file"]: found for row in rows("accept") if (found := errors(row, agreement))}

    assert refused == {}


def test_what_only_another_system_refuses_is_accepted() -> None:
    of_others = rows("vitam-only")
    refused = {row["file"]: {each.code for each in found} for row in of_others if (found := errors(row))}

    assert refused == {name: {code} for name, code in FORGIVEN_ONLY.items()}
    assert [row["file"] for row in of_others if errors(row, LENIENT)] == []


def test_what_the_official_schema_refuses_is_taken_where_the_agreement_forgives_it_and_nowhere_else() -> None:
    packages = rows("tolerance")
    refused = {row["file"]: {each.code for each in errors(row)} for row in packages}
    unexplained = [
        row["file"]
        for row in packages
        if not any(
            each.code == "MANIFEST_TOLERABLE" for each in verdict_on(corpus_dir() / row["file"], PLAIN).findings
        )
    ]

    assert refused == {row["file"]: {"MANIFEST_SCHEMA"} for row in packages}
    assert unexplained == []
    assert [row["file"] for row in packages if errors(row, LENIENT)] == []


def test_each_tolerance_is_needed_by_a_package_of_the_corpus() -> None:
    used = {
        finding.params["tolerance"]
        for row in rows("tolerance", "vitam-only", "referential")
        for finding in verdict_on(corpus_dir() / row["file"], LENIENT).findings
        if finding.code == "MANIFEST_TOLERATED"
    }

    assert used == TOLERANCES.keys()


def test_what_depends_on_what_exists_is_refused_where_that_is_asked_for() -> None:
    packages = rows("referential")
    families = ("HEADER_", "RULE_", "MANIFEST_SCHEMA")
    taken = [r["file"] for r in packages if not any(each.code.startswith(families) for each in errors(r, STRICT))]

    assert taken == []
    refused = {row["file"]: {each.code for each in found} for row in packages if (found := errors(row, LENIENT))}
    assert refused == {name: set(codes.split()) for name, codes in NEVER_TAKEN.items()}


def test_agencies_that_another_system_does_not_know_are_told_of_where_the_agreement_lists_its_own() -> None:
    knowing = replace(
        PLAIN,
        match_header=MatchHeader.STRICT,
        originating_agencies=("FRAN_NP_000002",),
        submission_agencies=("FRAN_NP_050758",),
    )
    unknown = {
        row["file"].split("__")[1]: [
            finding.params["found"]
            for finding in errors(row, knowing)
            if finding.code.startswith("AGENCY_") and re.match(r"manifest\.xml:\d+$", finding.place)
        ]
        for row in rows("referential")
        if row["check_class"] == "AGENT-REF"
    }

    assert unknown == {
        "KO_OKSP_KOSV.zip": ["FRAN_NP_008888"],
        "KO_ORIGINATINGAGENCY_ET_SUBMISSIONAGENCY_PAS_REFERENTIEL_AGENTS.zip": ["FRAN_NP_007777", "FRAN_NP_008888"],
        "KO_SIP_WHITOUT_ORIGINATING_AGENCY.zip": [],  # it names none: HEADER_EMPTY
        "OK-registre-fonds.zip": ["FRAN_NP_005568", "FRAN_NP_005061"],
    }


def test_what_is_accepted_is_described_as_the_corpus_counts_it() -> None:
    wrong = {}
    for row in rows("accept", "vitam-only"):
        manifest = verdict_on(corpus_dir() / row["file"], PLAIN).manifest
        assert manifest is not None
        # The corpus counts every ArchiveUnit element, those that only refer to another too.
        declared = len(manifest.identifiers) - len(manifest.objects) - len(manifest.groups)
        counted = (declared, len(manifest.objects))
        expected = (int(row["units"]), int(row["binary_objects"]) + int(row["physical_objects"]))
        if counted != expected:
            wrong[row["file"]] = (counted, expected)

    assert wrong == {}


@pytest.mark.parametrize("forgiven", [(), tuple(TOLERANCES)], ids=["plain", "lenient"])
def test_what_is_to_be_refused_has_an_error_of_its_family(forgiven: tuple[str, ...]) -> None:
    agreement = an_agreement(schema_tolerances=forgiven)
    missed = {}
    for row in rows("reject"):
        codes = EXPECTED_CODES[row["check_class"]]
        found = errors(row, agreement)
        if not any(finding.code.startswith(codes) for finding in found):
            missed[row["file"]] = (row["check_class"], found)

    assert missed == {}


@cache
def an_agreement_on(usages: Usages) -> Agreement:
    return an_agreement(usages=usages)


@pytest.mark.parametrize("usages", Usages)
def test_usages_refuse_only_where_the_agreement_is_strict(usages: Usages) -> None:
    wrong = {
        row["file"]: found
        for row in rows("strict")
        if bool(found := errors(row, an_agreement_on(usages))) is not (usages is Usages.STRICT)
    }

    assert wrong == {}


def test_questionable_usages_are_told_of_where_the_agreement_is_lenient() -> None:
    silent = [
        row["file"]
        for row in rows("strict")
        if not any(
            finding.code.startswith("OBJECT_USAGE")
            for finding in verdict_on(corpus_dir() / row["file"], PLAIN).findings
        )
    ]

    assert silent == []


def test_what_the_official_schema_refuses_has_its_first_error_on_the_same_line() -> None:
    wrong = {}
    for row in rows("accept", "tolerance", "reject"):
        if row["official_xsd_valid"] != "False" or row["seda"] not in NAMESPACES:
            continue
        line = row["xsd_first_error"].split(" ")[0].removeprefix("L")
        places = [f.place for f in errors(row) if f.code == "MANIFEST_SCHEMA"]
        if not places or places[0].split(":")[1].split(" ")[0] != line:
            wrong[row["file"]] = (line, places[:1])

    assert wrong == {}


def test_our_reading_of_containers_is_that_of_the_standard_library() -> None:
    for row in rows("accept", "vitam-only"):
        path = corpus_dir() / row["file"]
        inventory = verdict_on(path, PLAIN).inventory
        assert inventory is not None

        measured = {inventory.prefix + file.path: file.sha512 for file in inventory.files}

        assert measured == {name: digest for name, digest in other_digests(path) if name != inventory.manifest_path}


def other_digests(path: Path) -> Iterator[tuple[str, str]]:
    if path.suffix == ".tar":
        with tarfile.open(path) as tar:
            for member in tar:
                if (stream := tar.extractfile(member)) is not None:
                    yield member.name, hashlib.sha512(stream.read()).hexdigest()
        return
    with zipfile.ZipFile(path) as package:
        for entry in package.infolist():
            if not entry.is_dir():
                with package.open(entry) as content:
                    yield entry.filename, hashlib.sha512(content.read()).hexdigest()
