"""Our schemas accept and refuse what the official ones do, at the same lines."""

import csv
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest
from lxml import etree
from typing_extensions import override

from services.ingest.pipeline.schema import NAMESPACES, load_schema, version_of
from tests import corpus_location
from tests.contracts import seda_documents, seda_mutants

VERSIONS: Final = tuple(NAMESPACES)
LARGEST_MANIFEST: Final = 64 * 1024 * 1024

Verdict = tuple[bool, list[int]]


class _LocalCopies(etree.Resolver):
    """Gives the W3C schemas the official ones import from the web."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @override
    def resolve(self, system_url: str | None, public_id: str | None, context: object) -> Any:
        if system_url is None or not system_url.startswith("http"):
            return None
        return self.resolve_filename(str(self._folder / system_url.rpartition("/")[2]), context)


@pytest.fixture(scope="module")
def official_xsd_dir() -> Path:
    return corpus_location.official_xsd_dir()


@pytest.fixture(scope="module")
def corpus_dir() -> Path:
    return corpus_location.corpus_dir()


@pytest.fixture(scope="module")
def official(official_xsd_dir: Path) -> dict[str, etree.XMLSchema]:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_LocalCopies(official_xsd_dir / "w3c"))
    entries = {version: official_xsd_dir / version / f"seda-{version}-main.xsd" for version in VERSIONS}
    return {version: etree.XMLSchema(etree.parse(entry, parser)) for version, entry in entries.items()}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_message_drawn_from_our_schemas_is_valid_for_the_official_ones(
    version: str, official: dict[str, etree.XMLSchema]
) -> None:
    rng = seda_mutants.seeded(f"messages {version}")
    for message in seda_documents.messages():
        for _ in range(40):
            document = etree.tostring(seda_documents.draw(version, message, rng), pretty_print=True)
            assert _verdict(official[version], document) == (True, []), document.decode()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_place_of_the_grammar_spoilt_in_every_way_gets_the_same_verdict(
    version: str, official: dict[str, etree.XMLSchema]
) -> None:
    rng = seda_mutants.seeded(f"places {version}")
    seen: set[seda_mutants.Place] = set()
    for richness in (0.1, 0.2, 0.3, 0.4, 0.5):  # the small ones first: their mutants cost less
        for message in seda_documents.messages() * 8:
            document = seda_documents.draw(version, message, rng, richness)
            _assert_same(official[version], version, seda_mutants.every_mutant(document, seen))
    met = {etree.QName(child).localname for _, child in seen}
    drawn = {name for name in seda_documents.vocabulary(version) if not name.endswith("Abstract")}
    assert drawn <= met, f"never met: {sorted(drawn - met)}"


@pytest.mark.parametrize("version", VERSIONS)
def test_messages_spoilt_at_random_get_the_same_verdict(version: str, official: dict[str, etree.XMLSchema]) -> None:
    rng = seda_mutants.seeded(f"random {version}")
    names = seda_documents.vocabulary(version)
    for message in seda_documents.messages():
        for _ in range(10):
            document = seda_documents.draw(version, message, rng)
            mutants = (seda_mutants.a_mutant(document, rng, names) for _ in range(10))
            _assert_same(official[version], version, mutants)


def test_real_manifests_and_their_mutants_get_the_same_verdict(
    official: dict[str, etree.XMLSchema], corpus_dir: Path
) -> None:
    rng = seda_mutants.seeded("corpus")
    manifests = 0
    for package in _packages(corpus_dir):
        manifest = _manifest(package)
        version = version_of(etree.QName(etree.fromstring(manifest)).namespace or "") if manifest else None
        if version is None or manifest is None:
            continue
        manifests += 1
        names = seda_documents.vocabulary(version)
        document = etree.fromstring(manifest)
        mutants = (seda_mutants.a_mutant(document, rng, names) for _ in range(8))
        _assert_same(official[version], version, (manifest, *mutants))
    assert manifests >= 100, "the corpus holds some 140 manifests of SEDA 2.1 and 2.2"


def _assert_same(official: etree.XMLSchema, version: str, documents: Iterable[bytes]) -> None:
    ours = load_schema(version)
    for document in documents:
        # Two readings: validating marks the identifiers of a tree, and a second one would trust the marks.
        expected, got = _verdict(official, document), _verdict(ours, document)
        assert got == expected, f"{official.error_log}\n{ours.error_log}\n{document.decode()}"


def _verdict(schema: etree.XMLSchema, document: bytes) -> Verdict:
    # A mutant may carry one xml:id twice, which the parser itself would refuse.
    valid = schema.validate(etree.fromstring(document, etree.XMLParser(resolve_entities=False, recover=True)))
    return valid, sorted({error.line for error in schema.error_log})


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
