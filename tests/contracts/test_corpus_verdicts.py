"""Real SEDA packages and what we say of them (`tests/corpus_location.py` tells where they are)."""

import csv
import hashlib
import tarfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from services.ingest.adapters.siegfried import Siegfried
from services.ingest.domain.agreement import Usages
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.limits import Limits
from services.ingest.pipeline.judge import Verdict, judge
from services.ingest.pipeline.schema import NAMESPACES
from tests.builders.sips import an_agreement
from tests.corpus_location import corpus_dir

# What cannot be decided as the corpus says, and why.
UNDECIDED = {
    "invalid/itests__KO_DEUX_Contents.zip": "two of its files are named by no object: we refuse those",
    "invalid/vitam__SIP_FILE_1791_CA2.zip": "a rule that starts in the year 9000, which the corpus accepts in "
    "itests__KO_1791_SIP_RG-STARTDATE_AN9000.zip, the same manifest but for an agency",
    "invalid/vitam__SIP_INGEST_WRONG_DATE.zip": "a rule that starts in the year 9090, as above",
}

# The family of a defect, and the codes that tell of it.
EXPECTED_CODES = {
    "CONTAINER": ("CONTAINER_",),
    "CYCLE": ("REFERENCE_CYCLE",),
    "DIGEST": ("OBJECT_DIGEST_",),
    "DIGEST+URI/COUNT": ("OBJECT_",),
    "ORPHAN": ("REFERENCE_ORPHAN_",),
    "REFERENCE": ("REFERENCE_",),
    "UNIT-SCHEMA/DATES": ("UNIT_",),
    "URI/COUNT": ("OBJECT_FILE_",),
    "USAGE/ALGO": ("OBJECT_",),
    "VERSION-SEDA": ("MANIFEST_VERSION",),
    "XSD(official)": ("MANIFEST_SCHEMA", "MANIFEST_VERSION"),
    "XSD-ID/IDREF (libxml2 blind)": ("REFERENCE_DUPLICATE_ID",),
}


def rows(*expected: str) -> Iterator[dict[str, str]]:
    """Yield the rows of the corpus that a test is about, of SEDA 2.x (or of no version we could read)."""
    with (corpus_dir() / "expected.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            known = row["seda"] in NAMESPACES or expected == ("reject",)
            if expected_of(row) in expected and known and row["file"] not in UNDECIDED:
                yield row


def expected_of(row: dict[str, str]) -> str:
    """Return what is expected: what the other system refuses for its own reasons may be invalid besides (in 2.0)."""
    invalid = row["official_xsd_valid"] == "False"
    return "tolerance" if row["expected"] == "vitam-only" and invalid else row["expected"]


@cache
def verdict_on(path: Path, usages: Usages) -> Verdict:
    return judge(path, an_agreement(usages=usages), {}, Limits(), siegfried().identify, None)


@cache
def siegfried() -> Siegfried:
    return Siegfried()


def errors(row: dict[str, str], usages: Usages = Usages.LENIENT) -> list[Finding]:
    findings = verdict_on(corpus_dir() / row["file"], usages).findings
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def test_what_is_to_be_accepted_has_no_error() -> None:
    refused = {row["file"]: found for row in rows("accept", "vitam-only") if (found := errors(row))}

    assert refused == {}


def test_what_is_accepted_is_described_as_the_corpus_counts_it() -> None:
    wrong = {}
    for row in rows("accept", "vitam-only"):
        manifest = verdict_on(corpus_dir() / row["file"], Usages.LENIENT).manifest
        assert manifest is not None
        # The corpus counts every ArchiveUnit element, those that only refer to another too.
        declared = len(manifest.identifiers) - len(manifest.objects) - len(manifest.groups)
        counted = (declared, len(manifest.objects))
        expected = (int(row["units"]), int(row["binary_objects"]) + int(row["physical_objects"]))
        if counted != expected:
            wrong[row["file"]] = (counted, expected)

    assert wrong == {}


def test_what_is_to_be_refused_has_an_error_of_its_family() -> None:
    missed = {}
    for row in rows("reject"):
        codes = EXPECTED_CODES[row["check_class"]]
        if not any(finding.code.startswith(codes) for finding in errors(row)):
            missed[row["file"]] = (row["check_class"], errors(row))

    assert missed == {}


@pytest.mark.parametrize("usages", Usages)
def test_usages_refuse_only_where_the_agreement_is_strict(usages: Usages) -> None:
    wrong = {
        row["file"]: errors(row, usages)
        for row in rows("strict")
        if bool(errors(row, usages)) is not (usages is Usages.STRICT)
    }

    assert wrong == {}


def test_questionable_usages_are_told_of_where_the_agreement_is_lenient() -> None:
    silent = [
        row["file"]
        for row in rows("strict")
        if not any(
            finding.code.startswith("OBJECT_USAGE")
            for finding in verdict_on(corpus_dir() / row["file"], Usages.LENIENT).findings
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


def test_what_is_undecided_is_still_in_the_corpus() -> None:
    with (corpus_dir() / "expected.csv").open(encoding="utf-8", newline="") as file:
        assert {row["file"] for row in csv.DictReader(file)} >= UNDECIDED.keys()


def test_our_reading_of_containers_is_that_of_the_standard_library() -> None:
    for row in rows("accept", "vitam-only"):
        path = corpus_dir() / row["file"]
        inventory = verdict_on(path, Usages.LENIENT).inventory
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
