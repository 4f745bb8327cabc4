"""Lines of a catalogue become units in their tree, or the reading stops."""

import json
from uuid import uuid4

import pytest

from services.data_management.domain.catalogue import (
    CataloguedAip,
    CataloguedObject,
    CataloguedUnit,
    PurgedEntry,
    UnreadableCatalogue,
    read_line,
)
from services.data_management.domain.units import Tree
from tests.builders.catalogues import a_catalogue, a_unit, an_object


def read(catalogue_content: bytes) -> list[object]:
    return [read_line(line) for line in catalogue_content.splitlines()]


def a_unit_line(**content: object) -> CataloguedUnit:
    _, unit = read(a_catalogue([a_unit("u", content=content)]).content)
    assert isinstance(unit, CataloguedUnit)
    return unit


def test_a_catalogue_is_an_aip_then_units_then_objects() -> None:
    found = read(a_catalogue([a_unit("a"), a_unit("b", parents=["a"])], [an_object("o")]).content)

    assert [type(entry) for entry in found] == [CataloguedAip, CataloguedUnit, CataloguedUnit, CataloguedObject]


@pytest.mark.parametrize("kind", ["unit", "object"])
def test_what_was_purged_is_neither_unit_nor_object(kind: str) -> None:
    line = json.dumps(
        {"type": kind, "id": "u", "parents": [], "purged": {"order": "o", "at": "2036-04-02T09:30:00Z"}}
    )

    assert read_line(line.encode()) == PurgedEntry("u")


def test_padded_offsets_are_numbers() -> None:
    line = json.dumps(an_object("o") | {"id": str(uuid4())}).replace("5120", "           5120")

    found = read_line(line.encode())

    assert isinstance(found, CataloguedObject)
    assert found.offset == 5120


def test_identifiers_and_search_terms_come_from_the_content_whatever_its_depth() -> None:
    unit = a_unit_line(
        OriginatingAgencyArchiveUnitIdentifier=["DEL-2024-017", "DEL-2024-017"],
        PersistentIdentifier=[{"PersistentIdentifierType": "ark", "PersistentIdentifierContent": "ark:/1/2"}],
        Keyword=[{"KeywordContent": {"@lang": "fr", "#text": "voirie"}, "KeywordReference": "K1"}],
        Writer=[{"FirstName": "Zoé", "BirthName": "Roux"}],
        Description="not a term",
    )

    assert unit.identifiers == ("DEL-2024-017", "ark:/1/2")
    assert unit.terms == ("voirie", "Zoé", "Roux")


def test_an_identifier_too_long_for_the_index_stays_in_the_content() -> None:
    unit = a_unit_line(SystemId="x" * 501)

    assert unit.identifiers == ()
    assert unit.content["SystemId"] == "x" * 501


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"type":"folder"}',
        b'{"type":"aip","format":"chartrier-catalogue","version":2}',
        b'{"type":"unit","id":"x"}',
    ],
)
def test_a_line_that_is_not_ours_stops_the_reading(line: bytes) -> None:
    with pytest.raises(UnreadableCatalogue):
        read_line(line)


def test_each_unit_is_one_deeper_than_its_deepest_parent() -> None:
    units = [a_unit("a"), a_unit("b", parents=["a"]), a_unit("c", parents=["a", "b"])]
    tree = Tree()

    placed = [tree.place(unit) for unit in read(a_catalogue(units).content) if isinstance(unit, CataloguedUnit)]

    assert [(each.position, each.depth) for each in placed] == [(0, 0), (1, 1), (2, 2)]


def test_a_child_before_its_parent_stops_the_reading() -> None:
    units = [a_unit("b", parents=["a"]), a_unit("a")]
    _, child, _ = read(a_catalogue(units).content)
    assert isinstance(child, CataloguedUnit)

    with pytest.raises(UnreadableCatalogue, match="before one of its parents"):
        Tree().place(child)


def test_a_unit_that_comes_twice_stops_the_reading() -> None:
    unit = a_unit_line()
    tree = Tree()
    tree.place(unit)

    with pytest.raises(UnreadableCatalogue, match="twice"):
        tree.place(unit)
