"""Reader of an AIP's ``metadata/descriptive/catalogue.ndjson``, format version 1, as ingest writes it.

First the line of the AIP, then its units, parents before children, then its objects; among them lines of what was
purged. Keys that a later writer added are ignored; a line that is not what it should be stops the reading.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

FORMAT = "chartrier-catalogue"
VERSION = 1
LONGEST_IDENTIFIER = 500
"""Longer ones stand in the content only: an index entry has 2,046 bytes at most."""

IDENTIFIER_ELEMENTS = frozenset(
    {
        "ArchivalAgencyArchiveUnitIdentifier",
        "OriginatingAgencyArchiveUnitIdentifier",
        "TransferringAgencyArchiveUnitIdentifier",
        "OriginatingSystemId",
        "FilePlanPosition",
        "SystemId",
        "PersistentIdentifierContent",
    }
)
"""Elements of the SEDA Content whose text names the unit somewhere (SEDA 2.0 to 2.3, ontology)."""

TERM_ELEMENTS = frozenset(
    {"KeywordContent", "Tag", "DocumentType", "FirstName", "BirthName", "GivenName", "FullName", "Corpname"}
)
"""Elements of the SEDA Content whose text is searched besides title and description."""


class UnreadableCatalogue(Exception):
    """The file is not a catalogue of the version we know, or not that of this AIP."""


@dataclass(frozen=True, slots=True)
class CataloguedAip:
    """The first line: whose AIP this is, and how many units and objects follow. `head` is all of it.

    `purged` says how many lines stand for units and objects that went.
    """

    aip_id: UUID
    establishment: UUID
    transfer_id: UUID
    units: int
    objects: int
    purged: int
    head: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CataloguedUnit:
    """One archive unit; dates are the depositor's text, `identifiers` and `terms` come from its content."""

    id: str
    xml_id: str
    parents: tuple[str, ...]
    level: str | None
    title: str | None
    description: str | None
    start_date: str | None
    end_date: str | None
    profile: str | None
    identifiers: tuple[str, ...]
    terms: tuple[str, ...]
    rules: tuple[Mapping[str, Any], ...]
    objects: tuple[str, ...]
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CataloguedObject:
    """One data object; a physical one has neither path nor size, sha512, offset and format."""

    id: str
    xml_id: str
    kind: str
    group: str | None
    usage: str | None
    physical_id: str | None
    filename: str | None
    path: str | None
    size: int | None
    sha512: str | None
    offset: int | None
    declared: Mapping[str, Any]
    format: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class PurgedEntry:
    """What is left of a unit or an object that was purged: nothing that can be found."""

    id: str


Entry: TypeAlias = CataloguedAip | CataloguedUnit | CataloguedObject | PurgedEntry


def read_line(line: bytes) -> Entry:
    """Read one line. Raises `UnreadableCatalogue`."""
    try:
        value = json.loads(line)
        return PurgedEntry(value["id"]) if "purged" in value else _READERS[value["type"]](value)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableCatalogue(f"{type(error).__name__}: {error}") from error


def _aip(value: Mapping[str, Any]) -> CataloguedAip:
    if (value["format"], value["version"]) != (FORMAT, VERSION):
        raise UnreadableCatalogue(f"catalogue of version {value['version']!r}, we read {VERSION}")
    counts = value["counts"]
    return CataloguedAip(
        aip_id=UUID(value["aip_id"]),
        establishment=UUID(value["establishment"]),
        transfer_id=UUID(value["transfer_id"]),
        units=counts["units"],
        objects=counts["objects"],
        purged=counts.get("purged_units", 0) + counts.get("purged_objects", 0),
        head=value,
    )


def _unit(value: Mapping[str, Any]) -> CataloguedUnit:
    content = value["content"]
    identifiers: dict[str, None] = {}
    terms: dict[str, None] = {}
    _named(content, identifiers, terms)
    return CataloguedUnit(
        id=value["id"],
        xml_id=value["xml_id"],
        parents=tuple(value["parents"]),
        level=value["level"],
        title=value["title"],
        description=value.get("description"),
        start_date=value.get("start_date"),
        end_date=value.get("end_date"),
        profile=value.get("profile"),
        identifiers=tuple(identifiers),
        terms=tuple(terms),
        rules=tuple(value["rules"]),
        objects=tuple(value["objects"]),
        content=content,
    )


def _object(value: Mapping[str, Any]) -> CataloguedObject:
    return CataloguedObject(
        id=value["id"],
        xml_id=value["xml_id"],
        kind=value["kind"],
        group=value.get("group"),
        usage=value.get("usage"),
        physical_id=value.get("physical_id"),
        filename=value.get("filename"),
        path=value["path"],
        size=value["size"],
        sha512=value["sha512"],
        offset=value["offset"],
        declared=value["declared"],
        format=value["format"],
    )


_READERS: dict[str, Callable[[Mapping[str, Any]], Entry]] = {"aip": _aip, "unit": _unit, "object": _object}


def _named(value: object, identifiers: dict[str, None], terms: dict[str, None]) -> None:
    """Collect in one walk the texts that identify a unit and those it is searched by, each once, in order."""
    if isinstance(value, list):
        for item in value:
            _named(item, identifiers, terms)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in IDENTIFIER_ELEMENTS:
                identifiers.update((text, None) for text in _leaves(inner) if len(text) <= LONGEST_IDENTIFIER)
            elif name in TERM_ELEMENTS:
                terms.update((text, None) for text in _leaves(inner))
            elif not isinstance(inner, str):
                _named(inner, identifiers, terms)


def _leaves(value: object) -> Iterator[str]:
    """Yield the texts below a value; attributes (names that begin with ``@``) are none."""
    if isinstance(value, str):
        text = " ".join(value.split())
        if text:
            yield text
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if not name.startswith("@"):
                yield from _leaves(inner)
