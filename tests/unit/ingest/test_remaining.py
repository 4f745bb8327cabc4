"""A finding keeps its place and details only where it is certainly about something that is left."""

import pytest

from services.ingest.domain.remaining import remaining


def a_finding(code: str, place: str, **params: str) -> dict[str, object]:
    return {"code": code, "severity": "warning", "place": place, "params": params}


def left_of(finding: dict[str, object]) -> dict[str, object]:
    return remaining(finding, lambda xml_id: xml_id != "gone")


@pytest.mark.parametrize(
    "finding",
    [
        a_finding("CONTAINER_EXTRA", "container"),
        a_finding("SCHEMA_INVALID", "manifest.xml:12"),
        a_finding("UNIT_TITLE_EMPTY", "manifest.xml:12 left"),
        a_finding("HEADER_AGREEMENT_MISMATCH", "manifest.xml ArchivalAgreement", found="x"),
    ],
    ids=["package", "line", "unit", "header"],
)
def test_what_is_left_is_told(finding: dict[str, object]) -> None:
    assert left_of(finding) == finding


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("UNIT_TITLE_EMPTY", "manifest.xml:12 gone"),
        ("OBJECT_EMPTY", "manifest.xml:12 left"),
        ("FORMAT_UNIDENTIFIED", "Content/a b.txt"),
        ("DECISION_ACCEPTED", "bureau"),
    ],
)
def test_what_may_have_gone_is_not(code: str, place: str) -> None:
    assert left_of(a_finding(code, place, name="x")) == a_finding(code, "")


def test_details_may_quote_anything() -> None:
    assert left_of(a_finding("CONTAINER_EXTRA", "container", path="x")) == a_finding("CONTAINER_EXTRA", "container")
