"""Validate a well-formed manifest as a stream, place what libxml2 says, and say it in French too.

Two traps of lxml 6: a parser with a schema no longer tells of malformed XML, so well-formedness is another pass's
business (`reader.py`); and it gives no line. So the few chunks in which errors were seen are fed again, tag by
tag: an error belongs to the tag after which it appeared.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from lxml import etree

from services.ingest.domain.finding_texts import found
from services.ingest.domain.suspects import Extract, Suspect
from services.ingest.pipeline.manifest.extracts import Forgotten, extract_of
from services.ingest.pipeline.manifest.parser import CHUNK, pull_parser
from services.ingest.pipeline.manifest.sweeping import ROOT, Sweeper, forget

_TAGS = re.compile(rb"[^>]*>|[^>]+\Z")
_NAMESPACE = re.compile(r"\{[^{}]*\}")
_ELEMENT = re.compile(r"Element '([^']*)'")
_LONGEST = 4000
_LONGEST_PATH = 400
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
    """One error: where libxml2 stood, in which unit or object, what it says, and of which element."""

    line: int
    identifier: str
    message: str
    extract: Extract


def schema_suspects(errors: Iterable[SchemaError], place: str, version: str) -> Iterator[Suspect]:
    """Turn errors into findings, each with what `xmlschema` may explain it from (`services.ingest.explainer`)."""
    for error in errors:
        where = f"{place}:{error.line} {error.identifier}".strip()
        # A value that is wrong is told whole, be it of megabytes.
        reason = _NAMESPACE.sub("", error.message[:_LONGEST]).strip()
        path = shortened(error.extract.path or f"/{ROOT}")
        texts = {"reason": reason[:1000], "reason_fr": french(reason)[:1000]}
        yield Suspect(found("MANIFEST_SCHEMA", where, version=version, path=path, **texts), version, error.extract)


def shortened(path: str) -> str:
    """Return a path with its two ends, where it is too long to be read."""
    return path if len(path) <= _LONGEST_PATH else f"{path[: _LONGEST_PATH // 4]}…{path[-_LONGEST_PATH * 3 // 4 :]}"


def french(message: str) -> str:
    """Return libxml2's `message` in French, as far as we know its sentences."""
    for english, ours in _FRENCH:
        message = english.sub(ours, message)
    return message


def schema_errors(path: Path, schema: etree.XMLSchema, namespace: str, limit: int) -> list[SchemaError]:
    """Return the first `limit` errors of the well-formed manifest at `path` against `schema`."""
    with path.open("rb") as manifest:
        suspects = _suspects(manifest, schema, namespace, limit)
    if not suspects:
        return []
    with path.open("rb") as manifest:
        return list(islice(_located(manifest, schema, namespace, suspects), limit))


def _suspects(manifest: BinaryIO, schema: etree.XMLSchema, namespace: str, limit: int) -> set[int]:
    """Return the numbers of the chunks in which errors appear, until there are more than `limit` errors."""
    validation = _Validation(schema, namespace)
    suspects, known = set(), 0
    for number, chunk in enumerate(iter(partial(manifest.read, CHUNK), b"")):
        validation.feed(chunk)
        errors = len(validation.errors())
        if errors > known:
            suspects.add(number)
        known = errors
        if known > limit:
            break
    return suspects


def _located(
    manifest: BinaryIO, schema: etree.XMLSchema, namespace: str, suspects: set[int]
) -> Iterator[SchemaError]:
    forgotten = Forgotten()
    validation = _Validation(schema, namespace, forgotten)
    known, line = 0, 1
    for number in range(max(suspects) + 1):
        chunk = manifest.read(CHUNK)
        if number not in suspects:
            validation.feed(chunk)
            line += chunk.count(b"\n")
            continue
        for piece in _TAGS.findall(chunk):
            events = validation.push(piece)
            line += piece.count(b"\n")
            errors = list(validation.errors())
            for entry in errors[known:]:
                element = validation.element(entry.message, events)
                yield SchemaError(line, _identifier(element), entry.message, extract_of(element, forgotten))
            known = len(errors)
            validation.settle(events, piece)


def _identifier(element: etree._Element | None) -> str:
    """Return the identifier of the unit or object that an element is, or is in."""
    around = () if element is None else (element, *element.iterancestors())
    return next((name for each in around if (name := each.get("id"))), "")


class _Validation:
    """One pass over a manifest, of which little is in memory at any time."""

    def __init__(self, schema: etree.XMLSchema, namespace: str, forgotten: Forgotten | None = None) -> None:
        self._parser = pull_parser(("start", "end"), [f"{{{namespace}}}{name}" for name in (ROOT, *_NAMED)], schema)
        self._forgotten = forgotten
        self._sweeper = Sweeper(namespace, None, self._forgotten)

    def feed(self, data: bytes) -> None:
        """Validate more of the manifest, and free the units and objects that ended."""
        self.settle(self.push(data), data)

    def push(self, data: bytes) -> list[tuple[str, etree._Element]]:
        """Validate more of the manifest; what ended with it is not freed yet."""
        self._parser.feed(data)
        events = list(self._parser.read_events())
        for _, element in events[:1]:
            self._sweeper.see(element)
        return events

    def settle(self, events: list[tuple[str, etree._Element]], data: bytes) -> None:
        """Free the units and objects that ended with `data`."""
        for event, element in events:
            if event == "end":
                forget(element, self._forgotten)
        self._sweeper.fed(data)

    def errors(self) -> "etree._ListErrorLog":
        """Return all that libxml2 has said so far."""
        return self._parser.feed_error_log

    def element(self, message: str, events: list[tuple[str, etree._Element]]) -> etree._Element | None:
        """Return the element a message names: that which has just ended or begun, or is around it.

        To be asked before what ended with the last tag is freed.
        """
        ended = {each for event, each in events if event == "end"}
        named = _ELEMENT.match(message)
        last, found_here = self._sweeper.root, None
        while named is not None and last is not None:
            if last.tag == named[1]:
                found_here = last
                if last in ended:
                    break
            last = last[-1] if len(last) else None
        return found_here
