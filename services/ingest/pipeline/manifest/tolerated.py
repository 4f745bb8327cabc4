"""Find what a tolerance forgives, and take it out of a copy of the manifest for the schema to judge what is left.

Elements are replaced by blanks, byte for byte: lines stay what they are. Expat, which tells where in the file an
element stands, sees only manifests that libxml2 has read to their end (`reader.py`), without any DOCTYPE.
"""

import codecs
import mmap
import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final
from xml.parsers import expat

from lxml import etree

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import MIB
from services.ingest.domain.tolerances import TOLERANCES
from services.ingest.pipeline.date_bounds import date_bounds
from services.ingest.pipeline.schema import SCHEMAS

MAX_KINDS: Final = 1000
"""Kinds of forgiven elements (by name and parent) of one manifest; beyond them nothing more is forgiven."""

LONGEST_DATE: Final = 100

DEEPEST: Final = 250
"""Elements above one that is forgiven; a manifest whose units nest deeper is refused for that."""

_FIRST: Final = frozenset(tolerance.after for tolerance in TOLERANCES.values() if tolerance.after)

# Possessive: a tag of megabytes leaves nothing to come back to.
_TAG = re.compile(rb"<(?>[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+>")
_INK = re.compile(rb"[^\r\n]")
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _by_parent() -> dict[str, tuple[str, ...]]:
    """Return the tolerances by the last name of the path of what they forgive things in, in their order."""
    last = {name: {path.rpartition("/")[2] for path in tolerance.parents} for name, tolerance in TOLERANCES.items()}
    return {
        parent: tuple(name for name in TOLERANCES if parent in last[name]) for parent in set().union(*last.values())
    }


_BY_PARENT: Final = _by_parent()


@dataclass(slots=True)
class Forgivable:
    """Elements of one name in parents of one path, which `tolerance` may forgive: the first of them, and how many."""

    tolerance: str
    element: str
    path: str
    line: int
    identifier: str
    count: int = 0


@dataclass(slots=True)
class _Candidate:
    """An element that may be forgiven: its first tag, and the byte behind it once its end was seen."""

    kind: Forgivable
    tag: re.Match[bytes]
    end: int = 0
    text: str = ""


@dataclass(slots=True)
class _Open:
    """An element whose end was not seen: its local name (empty outside of SEDA), what may forgive its children.

    `noted` are the children so far of which a tolerance asks whether they come first; `last` is a child that is
    forgiven if none comes after it; `path` is written when it is first needed.
    """

    name: str
    identifier: str
    tolerances: tuple[str, ...]
    noted: frozenset[str] = frozenset()
    last: _Candidate | None = None
    path: str = ""


_OUTSIDE: Final = _Open("", "", ())


def take_out(manifest: Path, version: str, namespace: str, accepted: Collection[str], copy: Path) -> list[Forgivable]:
    """Write at `copy` the manifest without what the tolerances `accepted` forgive.

    Returns all that any tolerance would forgive, in the order of the manifest; nothing, and the copy is of no use,
    where the manifest is not for us to read.
    """
    shutil.copyfile(manifest, copy)
    with copy.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        if content[:2] in _WIDE:
            return []  # blanks of one byte would spoil it
        eraser = _Eraser(content, version, namespace, accepted)
        with manifest.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            try:
                eraser.read(whole)
            except expat.ExpatError:
                return []  # names of XML 1.0's fifth edition: libxml2 knows them, expat the fourth's only
        return list(eraser.kinds.values())


def told(kinds: Collection[Forgivable], accepted: Collection[str], place: str, version: str) -> list[Finding]:
    """Say what was forgiven, or might be under another agreement: one finding an element and path."""
    return [
        found(
            "MANIFEST_TOLERATED" if kind.tolerance in accepted else "MANIFEST_TOLERABLE",
            f"{place}:{kind.line} {kind.identifier}".rstrip(),
            element=kind.element,
            path=kind.path,
            count=str(kind.count),
            version=version,
            tolerance=kind.tolerance,
            effect=TOLERANCES[kind.tolerance].en,
            effect_fr=TOLERANCES[kind.tolerance].fr,
        )
        for kind in kinds
    ]


@cache
def declared_names() -> frozenset[str]:
    """Return the name of every element that some version of SEDA declares."""
    element = "{http://www.w3.org/2001/XMLSchema}element"
    names = (node.get("name") for file in SCHEMAS.glob("seda-*.xsd") for node in etree.parse(file).iter(element))
    return frozenset(name for name in names if name)


class _Eraser:
    """Reads a manifest, and blanks in its copy the elements that are forgiven."""

    def __init__(self, content: mmap.mmap, version: str, namespace: str, accepted: Collection[str]) -> None:
        self.kinds: dict[tuple[str, str, str], Forgivable] = {}
        self._content = content
        self._version = version
        self._prefix = f"{namespace} "
        self._accepted = accepted
        self._open: list[_Open] = []
        # One of whose children nothing is forgiven serves for all of its name that follow: there may be millions.
        self._usual = _Open("", "", ())
        # The element that may be forgiven, and how many are open within it.
        self._candidate: _Candidate | None = None
        self._within = 0
        self._parser = expat.ParserCreate(namespace_separator=" ", intern=None)  # names may be millions
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def read(self, manifest: mmap.mmap) -> None:
        """Read to the end.

        In large pieces: of a tag that is not whole yet expat begins anew with each piece.
        """
        self._parser.Parse(manifest, True)  # noqa: FBT003 (expat takes no names)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._candidate is not None:
            self._within += 1
            return
        name = tag.removeprefix(self._prefix) if tag.startswith(self._prefix) else ""
        parent = self._open[-1] if self._open else _OUTSIDE
        if parent.tolerances:
            tolerance = self._tolerance(name, parent) if name else None
            parent.last = None
            if name in _FIRST:
                parent.noted |= {name}
            if tolerance is not None:
                self._may_forgive(tolerance, name, parent)
                return
        self._open.append(self._opened(name, attributes.get("id", parent.identifier), parent))

    def _opened(self, name: str, identifier: str, parent: _Open) -> _Open:
        tolerances = _BY_PARENT.get(name, ())
        if tolerances:
            paths = {f"/{name}", f"{parent.name}/{name}"}
            tolerances = tuple(each for each in tolerances if not paths.isdisjoint(TOLERANCES[each].parents))
            return _Open(name, identifier, tolerances)
        if (self._usual.name, self._usual.identifier) != (name, identifier):
            self._usual = _Open(name, identifier, ())
        return self._usual

    def _may_forgive(self, tolerance: str, name: str, parent: _Open) -> None:
        parent.path = parent.path or "/".join(each.name or "*" for each in self._open)
        line = self._parser.CurrentLineNumber
        self._candidate = _Candidate(
            Forgivable(tolerance, name, parent.path, line, parent.identifier), self._tag_here()
        )
        if name.endswith("Date"):
            self._parser.CharacterDataHandler = self._text

    def _text(self, text: str) -> None:
        if self._candidate is not None and len(self._candidate.text) < LONGEST_DATE:
            self._candidate.text += text

    def _end(self, _: str) -> None:
        candidate = self._candidate
        if candidate is None:
            if (last := self._open.pop().last) is not None:
                self._forgive(last)
        elif self._within:
            self._within -= 1
        else:
            # Of an element that is one tag only, expat tells the place behind it as its end's.
            alone = self._content[candidate.tag.end() - 2] == ord("/")
            candidate.end = candidate.tag.end() if alone else self._tag_here().end()
            self._candidate = self._parser.CharacterDataHandler = None
            if TOLERANCES[candidate.kind.tolerance].last:
                self._open[-1].last = candidate
            else:
                self._forgive(candidate)

    def _tag_here(self) -> re.Match[bytes]:
        tag = _TAG.match(self._content, self._parser.CurrentByteIndex)
        if tag is None:
            raise AssertionError(f"no tag at byte {self._parser.CurrentByteIndex} of a well-formed manifest")
        return tag

    def _tolerance(self, name: str, parent: _Open) -> str | None:
        if not 2 <= len(self._open) <= DEEPEST:
            return None
        forgiving = (
            each
            for each in parent.tolerances
            if TOLERANCES[each].forgives(self._version, name, parent.noted, declared_names())
        )
        return next(forgiving, None)

    def _forgive(self, candidate: _Candidate) -> None:
        kind = candidate.kind
        # Nobody says what a free element means; but what is called a date and is none is a mistake in any case.
        if kind.element.endswith("Date") and date_bounds(candidate.text) is None:
            return
        known = self.kinds.get((kind.tolerance, kind.path, kind.element))
        if known is None:
            if len(self.kinds) >= MAX_KINDS:
                return
            self.kinds[kind.tolerance, kind.path, kind.element] = known = kind
        known.count += 1
        if kind.tolerance in self._accepted:
            self._blank(candidate.tag.start(), candidate.end)

    def _blank(self, start: int, end: int) -> None:
        for position in range(start, end, MIB):
            upto = min(position + MIB, end)
            self._content[position:upto] = _INK.sub(b" ", self._content[position:upto])
