"""Place what libxml2 says against the schema, and say it in French too.

libxml2 gives no line when it validates a stream. So the few chunks in which errors were seen are fed again,
tag by tag: an error belongs to the tag after which it appeared.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.pipeline.manifest.parser import CHUNK, pull_parser

_TAGS = re.compile(rb"[^>]*>|[^>]+\Z")
_NAMESPACE = re.compile(r"\{[^{}]*\}")
_NAMED = ("ArchiveUnit", "BinaryDataObject", "PhysicalDataObject", "DataObjectGroup")

# libxml2's sentences and ours; what is not here stays in English.
_FRENCH = tuple(
    (re.compile(english), french)
    for english, french in (
        (r"^Element '([^']*)': ", r"Élément « \1 » : "),
        (r"^(.*?), attribute '([^']*)': ", r"\1, attribut « \2 » : "),
        (r"This element is not expected\.", "il n’est pas attendu ici."),
        (r"Missing child element\(s\)\.", "il y manque un élément."),
        (r"Expected is one of \( (.*) \)\.", r"Attendu : l’un de \1."),
        (r"Expected is \( (.*) \)\.", r"Attendu : \1."),
        (
            r"'([^']*)' is not a valid value of the (?:atomic|union|list|local atomic) type '([^']*)'\.",
            r"« \1 » n’est pas une valeur du type \2.",
        ),
        (r"The attribute '([^']*)' is required but missing\.", r"il y manque l’attribut « \1 »."),
        (r"The attribute '([^']*)' is not allowed\.", r"l’attribut « \1 » n’y est pas permis."),
        (r"The type definition is abstract\.", "son type est abstrait : il doit être précisé."),
        (
            r"Character content other than whitespace is not allowed.*",
            "il ne peut contenir de texte, seulement des éléments.",
        ),
        (
            r"\[facet '[^']*'\] The value '([^']*)' is not an element of the set \{(.*)\}\.",
            r"« \1 » n’est pas l’une des valeurs permises (\2).",
        ),
        (
            r"\[facet '([^']*)'\] The value '([^']*)' .*",
            r"« \2 » ne respecte pas la contrainte « \1 » de son type.",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class SchemaError:
    """One error: where libxml2 stood, in which unit or object, and what it says."""

    line: int
    identifier: str
    message: str


def schema_findings(errors: Iterator[SchemaError], place: str, version: str) -> Iterator[Finding]:
    """Turn errors into findings. A later issue adds here what `xmlschema` explains of the first ones."""
    for error in errors:
        where = f"{place}:{error.line} {error.identifier}".strip()
        reason = _NAMESPACE.sub("", error.message).strip()
        yield found("MANIFEST_SCHEMA", where, version=version, reason=reason[:1000], reason_fr=french(reason)[:1000])


def french(message: str) -> str:
    """Return libxml2's `message` in French, as far as we know its sentences."""
    for english, ours in _FRENCH:
        message = english.sub(ours, message)
    return message


def locate_errors(
    manifest: BinaryIO, schema: etree.XMLSchema, namespace: str, suspects: set[int], limit: int
) -> Iterator[SchemaError]:
    """Yield the first `limit` schema errors; `suspects` are the numbers of the chunks that hold them."""
    tags = [f"{{{namespace}}}{name}" for name in _NAMED]
    parser = pull_parser(("start", "end"), tags, schema)
    known, line, identifier = 0, 1, ""
    for number in range(max(suspects) + 1):
        chunk = manifest.read(CHUNK)
        for piece in _TAGS.findall(chunk) if number in suspects else (chunk,):
            try:
                parser.feed(piece)
            except etree.XMLSyntaxError:
                return
            line += piece.count(b"\n")
            identifier = _latest(parser, identifier)
            if number in suspects:
                for entry in list(parser.feed_error_log)[known:]:
                    known += 1
                    yield SchemaError(line, identifier, entry.message)
                    if known >= limit:
                        return


def _latest(parser: etree.XMLPullParser, identifier: str) -> str:
    """Return the identifier of the last unit or object begun, and free those that ended."""
    for event, element in parser.read_events():
        if event == "start":
            identifier = element.get("id", identifier)
        else:
            element.clear(keep_tail=True)
    return identifier
