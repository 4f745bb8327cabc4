"""What the second reading says by the lenient grammar is true: nothing of what is right, and all that the first says.

The first hides faults behind others; the second must not invent any.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

from services.ingest.grammars import NAMESPACES
from services.ingest.pipeline import schema
from services.ingest.pipeline.lenient.grammar import load_lenient
from services.ingest.pipeline.manifest.schema_errors import SchemaError, schema_errors
from tests.contracts import seda_documents, seda_mutants
from tests.corpus_location import official_xsd_dir

Errors = dict[object, SchemaError]

LIMIT: Final = 50
PASSED_BY: Final = ("/LogBook", "/Signature", "attribute '{http://www.w3.org/2001/XMLSchema-instance}type'")
"""Of another type in another frame, or of a type that the document names: left to the first reading."""


@pytest.fixture(params=["ours", "official"])
def _judged_by(request: pytest.FixtureRequest) -> Iterator[None]:
    schema.use_official(official_xsd_dir() if request.param == "official" else None)
    yield
    schema.use_official(None)


@pytest.mark.parametrize("version", NAMESPACES)
@pytest.mark.usefixtures("_judged_by")
def test_the_second_reading_finds_what_the_first_does_and_nothing_in_what_is_right(
    version: str, tmp_path: Path
) -> None:
    rng = seda_mutants.seeded(f"hidden {version}")
    vocabulary = seda_documents.vocabulary(version)
    counts: Counter[str] = Counter()
    for _ in range(12):
        document = seda_documents.draw(version, "ArchiveTransfer", rng)
        mutants = (seda_mutants.a_mutant(document, rng, vocabulary) for _ in range(4))
        for content in (etree.tostring(document, pretty_print=True), *mutants):
            if not _reaches_a_grammar(content, str(document.tag)):
                continue
            first, second = _readings(content, version, tmp_path / "manifest.xml")
            assert first or not second, content.decode()
            assert first.keys() <= second.keys() or _are_passed_by(first, second), content.decode()
            counts.update({"refused": bool(first), "more": len(second) > len(first)})
    assert counts["refused"] > 20
    assert counts["more"] > 0


def _readings(
    content: bytes, version: str, path: Path
) -> tuple[dict[object, SchemaError], dict[object, SchemaError]]:
    lenient, namespace = load_lenient(version), NAMESPACES[version]
    assert lenient is not None
    path.write_bytes(content)
    first = schema_errors(path, schema.load_schema(version), namespace, LIMIT)
    return _keyed(first), _keyed(schema_errors(path, lenient.schema, namespace, LIMIT, lenient.contents))


def _reaches_a_grammar(content: bytes, root: str) -> bool:
    try:
        return str(etree.fromstring(content).tag) == root
    except etree.XMLSyntaxError:  # an xml:id that is no name
        return False


def _keyed(errors: list[SchemaError]) -> Errors:
    return {(error.position, error.message.partition(" Expected is ")[0]): error for error in errors}


def _are_passed_by(first: Errors, second: Errors) -> bool:
    missed = [error for key, error in first.items() if key not in second]
    return all(any(mark in error.extract.path + error.message for mark in PASSED_BY) for error in missed)
