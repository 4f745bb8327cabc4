"""Our schemas accept and refuse what the official ones do, at the same lines.

A sample of all the ways to be wrong: the trial `schema-mutants` goes through every one of them.
"""

import csv
import tarfile
import zipfile
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

from services.ingest.grammars import official_grammar
from services.ingest.pipeline.schema import version_of
from tests import corpus_location
from tests.contracts import seda_documents, seda_mutants
from tests.contracts.seda_documents import XS
from tests.contracts.seda_equivalence import VERSIONS, Pair, every_place, pair, random_mutants, verdict

LARGEST_MANIFEST: Final = 64 * 1024 * 1024
# They stand nowhere in a message.
UNUSED: Final = {"2.0": {"DurationRuleType", "MeasurementDurationType", "MeasurementDurationUnitsType"}}
EVERY_VERSION = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture(scope="module")
def official_xsd_dir() -> Path:
    return corpus_location.official_xsd_dir()


@pytest.fixture(scope="module")
def corpus_dir() -> Path:
    return corpus_location.corpus_dir()


@pytest.fixture
def pairs(official_xsd_dir: Path) -> dict[str, Pair]:
    return {version: pair(official_xsd_dir, version) for version in VERSIONS}


@EVERY_VERSION
def test_every_message_drawn_from_our_schemas_is_valid_for_the_official_ones(
    version: str, pairs: dict[str, Pair]
) -> None:
    rng = seda_mutants.seeded(f"messages {version}")
    for message in seda_documents.messages():
        for _ in range(30):
            document = etree.tostring(seda_documents.draw(version, message, rng), pretty_print=True)
            assert verdict(pairs[version].official, document) == (True, []), document.decode()


@EVERY_VERSION
def test_300_mutants_of_each_version_get_the_same_verdict(
    version: str, pairs: dict[str, Pair], capsys: pytest.CaptureFixture[str]
) -> None:
    rng = seda_mutants.seeded(f"mutants {version}")

    pairs[version].assert_same(random_mutants(version, rng, 20))

    assert pairs[version].compared.total() == 300
    assert pairs[version].compared["refused"] > 100
    _tell(capsys, pairs[version])


@EVERY_VERSION
def test_every_place_of_the_grammar_spoilt_in_a_way_out_of_twelve_gets_the_same_verdict(
    version: str, pairs: dict[str, Pair], capsys: pytest.CaptureFixture[str]
) -> None:
    rng = seda_mutants.seeded(f"places {version}")

    pairs[version].assert_same(every_place(version, rng, share=12))

    assert pairs[version].compared.total() > 2000
    _tell(capsys, pairs[version])


def test_real_manifests_and_their_mutants_get_the_same_verdict(
    pairs: dict[str, Pair], corpus_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = seda_mutants.seeded("corpus")
    manifests = dict.fromkeys(VERSIONS, 0)
    for package in _packages(corpus_dir):
        manifest = _manifest(package)
        version = version_of(etree.QName(etree.fromstring(manifest)).namespace or "") if manifest else None
        if version is None or manifest is None:
            continue
        manifests[version] += 1
        names = seda_documents.vocabulary(version)
        document = etree.fromstring(manifest)
        mutants = (seda_mutants.a_mutant(document, rng, names) for _ in range(8))
        pairs[version].assert_same((manifest, *mutants))
    assert sum(manifests.values()) >= 140, "the corpus holds some 150 manifests of SEDA 2.0 to 2.3"
    assert min(manifests.values()) >= 1
    _tell(capsys, *pairs.values())


@EVERY_VERSION
def test_the_types_that_a_document_may_name_are_those_of_the_official_ones(
    version: str, official_xsd_dir: Path
) -> None:
    official = {
        str(node.get("name"))
        for file in (official_xsd_dir / version).glob("*.xsd")
        for node in etree.parse(file).getroot()
        if node.tag in {f"{XS}complexType", f"{XS}simpleType"} and node.get("abstract") is None
    }
    ours = {name for kind, name in seda_documents.components(version) if kind in {"complexType", "simpleType"}}

    # Ours that are not named so are the bases of those that are.
    assert {name for name in ours if name.endswith("Type")} == official - UNUSED.get(version, set())


@EVERY_VERSION
def test_the_official_files_are_read_without_the_web(version: str, official_xsd_dir: Path, tmp_path: Path) -> None:
    (tmp_path / version).symlink_to(official_xsd_dir / version)  # and no W3C file beside them
    rng = seda_mutants.seeded(f"read {version}")
    document = seda_documents.draw(version, "ArchiveTransfer", rng)

    assert official_grammar(tmp_path, version).validate(document)


def _tell(capsys: pytest.CaptureFixture[str], *compared: Pair) -> None:
    with capsys.disabled():
        print("", *compared, sep="\n")  # noqa: T201 (the counts are wanted)


def _packages(corpus: Path) -> list[Path]:
    with (corpus / "expected.csv").open(encoding="utf-8", newline="") as rows:
        return [corpus / row["file"] for row in csv.DictReader(rows)]


def _manifest(package: Path) -> bytes | None:
    """The XML file at the root of a package, when it is a package, read without unpacking."""
    if tarfile.is_tarfile(package):
        with tarfile.open(package) as tar:
            for member in tar:
                if _is_manifest(member.name, member.size) and (file := tar.extractfile(member)):
                    return file.read()
    elif zipfile.is_zipfile(package):
        with zipfile.ZipFile(package) as archive:
            for info in archive.infolist():
                if _is_manifest(info.filename, info.file_size):
                    return archive.read(info)
    return None


def _is_manifest(name: str, size: int) -> bool:
    name = name.removeprefix("./")
    return "/" not in name and name.lower().endswith(".xml") and size <= LARGEST_MANIFEST
