"""SEDA answers as their readers' software sees them: valid, in the version and namespace of the SIP."""

import re
import tempfile
from functools import cache
from pathlib import Path

from lxml import etree

from services.ingest.pipeline.schema import load_schema, version_of
from tests.corpus_location import find_official_xsd


def valid_answer(document: bytes) -> etree._Element:
    """Return the root of an answer; fails unless it is valid against our schema, and the official one if at hand."""
    answer = etree.fromstring(document)
    version = version_of(etree.QName(answer).namespace or "")
    assert version is not None, answer.tag
    load_schema(version).assertValid(answer)
    official = find_official_xsd()
    if official is not None:
        official_schema(version, official).assertValid(answer)
    return answer


@cache
def official_schema(version: str, official: Path) -> etree.XMLSchema:
    """The official schema of a version, its two imports from www.w3.org led to copies beside it."""
    with tempfile.TemporaryDirectory() as folder:
        for source in (*(official / version).glob("*.xsd"), *(official / "w3c").glob("*.xsd")):
            text = re.sub(rb"http://www\.w3\.org/[0-9/]+(xml|xlink)\.xsd", rb"\1.xsd", source.read_bytes())
            (Path(folder) / source.name).write_bytes(text)
        parser = etree.XMLParser(no_network=True)
        return etree.XMLSchema(etree.parse(Path(folder) / f"seda-{version}-main.xsd", parser))
