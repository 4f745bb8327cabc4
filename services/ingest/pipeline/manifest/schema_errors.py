"""Validate a well-formed manifest as a stream, place what libxml2 says, and say it in French too.

Two traps of lxml 6: a parser with a schema no longer tells of malformed XML, so well-formedness is another pass's
business (`reader.py`); and it gives no line. So the few chunks in which errors were seen are fed again, tag by
tag: an error belongs to the tag after which it appeared.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from lxml import etree

from services.ingest.domain.finding_texts import found
from services.ingest.domain.suspects import Extract, Suspect
from services.ingest.pipeline.lenient.content_model import ContentModel
from services.ingest.pipeline.manifest.extracts import Forgotten, extract_of
from services.ingest.pipeline.manifest.frames import Frames
from services.ingest.pipeline.manifest.parser import CHUNK, pull_parser
from services.ingest.pipeline.manifest.sweeping import ROOT, Sweeper, forget

_TAGS = re.compile(rb"[^>]*>|[^>]+\Z")
_NAMESPACE = re.compile(r"\{[^{}]*\}")
_ELEMENT = re.compile(r"Element '([^']*)'")
_LONGEST = 4000
_LONGEST_PATH = 400
_OTHER_TYPE = "attribute '{http://www.w3.org/2001/XMLSchema-instance}type'"
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
    """One error: where libxml2 stood (line, byte), in which unit or object, what it says, and of which element."""

    line: int
    position: int
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


@dataclass(frozen=True, slots=True)
class _Grammar:
    """What judges; `contents` are those of the frames where `schema` says nothing of them."""

    schema: etree.XMLSchema
    namespace: str
    contents: Mapping[str, ContentModel]


def schema_errors(
    path: Path,
    schema: etree.XMLSchema,
    namespace: str,
    limit: int,
    contents: Mapping[str, ContentModel] = MappingProxyType({}),
) -> list[SchemaError]:
    """Return the first `limit` errors of the well-formed manifest at `path` against `schema`.

    `contents` are what frames may hold, by their names, where `schema` lets them hold anything.
    """
    grammar = _Grammar(schema, namespace, contents)
    with path.open("rb") as manifest:
        suspects = _suspects(manifest, grammar, limit)
    if not suspects:
        return []
    with path.open("rb") as manifest:
        return list(islice(_located(manifest, grammar, suspects, limit), limit))


def _suspects(manifest: BinaryIO, grammar: _Grammar, limit: int) -> set[int]:
    """Return the numbers of the chunks in which errors appear, until there are more than `limit` errors."""
    validation = _Validation(grammar)
    suspects, known = set(), 0
    for number, chunk in enumerate(iter(partial(manifest.read, CHUNK), b"")):
        validation.feed(chunk)
        errors = len(validation.errors)
        if errors > known:
            suspects.add(number)
        known = errors
        if known > limit:
            break
    return suspects


def _located(manifest: BinaryIO, grammar: _Grammar, suspects: set[int], limit: int) -> Iterator[SchemaError]:
    forgotten = Forgotten()
    validation = _Validation(grammar, forgotten)
    known, line, position = 0, 1, 0
    for number in range(max(suspects) + 1):
        chunk = manifest.read(CHUNK)
        for piece in _TAGS.findall(chunk) if number in suspects else [chunk]:
            events = validation.push(piece)
            line += piece.count(b"\n")
            position += len(piece)
            for message in validation.errors[known:]:
                element = validation.element(message, events)
                if validation.declares(element):
                    extract = extract_of(element, forgotten)
                    yield SchemaError(line, position, _identifier(element), message, extract)
            known = len(validation.errors)
            if known > limit:
                return  # what does not count is many, too
            validation.settle(events, piece)


def _identifier(element: etree._Element | None) -> str:
    """Return the identifier of the unit or object that an element is, or is in."""
    around = () if element is None else (element, *element.iterancestors())
    return next((name for each in around if (name := each.get("id"))), "")


class _Validation:
    """One pass over a manifest, of which little is in memory at any time."""

    def __init__(self, grammar: _Grammar, forgotten: Forgotten | None = None) -> None:
        self._named = frozenset(f"{{{grammar.namespace}}}{name}" for name in (ROOT, *_NAMED))
        self._frames = Frames(grammar.contents) if grammar.contents else None
        told = () if self._frames else tuple(self._named)
        self._parser = pull_parser(("start", "end"), told, grammar.schema)
        self._forgotten = forgotten
        self._sweeper = Sweeper(grammar.namespace, None, self._forgotten)
        self._read = 0
        self.errors: list[str] = []
        """All that was said so far."""

    def feed(self, data: bytes) -> None:
        """Validate more of the manifest, and free the units and objects that ended."""
        self.settle(self.push(data), data)

    def push(self, data: bytes) -> list[tuple[str, etree._Element]]:
        """Validate more of the manifest; what ended with it is not freed yet."""
        self._parser.feed(data)
        events = list(self._parser.read_events())
        for _, element in events[:1]:
            self._sweeper.see(element)
        self._take(events)
        return events

    def _take(self, events: list[tuple[str, etree._Element]]) -> None:
        said = [entry.message for entry in self._parser.feed_error_log]
        new, self._read = said[self._read :], len(said)
        if self._frames is not None:
            # Frames are of another type here than is declared: whether theirs may be told was judged before.
            new = [message for message in new if _OTHER_TYPE not in message]
            new += [message for event in events if (message := self._frames.take(*event))]
        self.errors += new

    def settle(self, events: list[tuple[str, etree._Element]], data: bytes) -> None:
        """Free the units and objects that ended with `data`."""
        for event, element in events:
            if event == "end" and element.tag in self._named:
                forget(element, self._forgotten)
        self._sweeper.fed(data)

    def declares(self, element: etree._Element | None) -> bool:
        """Say whether what is said of an element counts: within what may not stand in a frame nothing does."""
        return self._frames is None or element is None or self._frames.declares(element)

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
