"""Metadata files as other tools write them: moments, identifiers of rows and of their parents, names with blanks."""

from pathlib import Path

import pytest

from chartrier_client import MetadataError
from chartrier_client.folders import FolderPlan, build_from_folder
from services.ingest.pipeline.schema import load_schema
from tests.unit.client.folders import a_csv, a_folder, an_envelope, manifest_of, texts

TREE = ("s/a.pdf", "s/t/b.pdf", "c.pdf")


def built(place: Path, text: str, *paths: str) -> Path:
    plan = FolderPlan(a_csv(place, text))
    return build_from_folder(a_folder(place, *(paths or TREE)), place / "sip.zip", an_envelope(), plan=plan).path


def faults_of(place: Path, text: str, *paths: str) -> list[tuple[int, str, str]]:
    try:
        built(place, text, *paths)
    except MetadataError as error:
        return [(fault.row, fault.column, fault.code) for fault in error.faults]
    return []


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("2020-01-01T00:00:00", "2020-01-01T00:00:00"),
        ("2020-01-01T10:30:59.125Z", "2020-01-01T10:30:59.125Z"),
        ("2020-01-01T10:30:59+02:00", "2020-01-01T10:30:59+02:00"),
        ("2020-01-01T10:30", "2020-01-01T10:30:00"),
        ("2020-01-01 00:00:00", "2020-01-01T00:00:00"),
        ("31/12/2020 23:59", "2020-12-31T23:59:00"),
    ],
)
def test_a_moment_is_written_as_seda_does(tmp_path: Path, cell: str, written: str) -> None:
    manifest = manifest_of(built(tmp_path, f"File;Content.StartDate;Content.CreatedDate\nc.pdf;{cell};{cell}\n"))

    load_schema("2.2").assertValid(manifest)
    assert texts(manifest, "StartDate") == texts(manifest, "CreatedDate") == [written]


@pytest.mark.parametrize(
    "cell",
    [
        "2020-01-01T24:00:00",
        "2020-01-01T10:60",
        "2020-02-30T10:00:00",
        "2020-01T10:00:00",
        "2020T10:00:00",
        "T10:00:00",
        "2020-01-01T10",
        "2020-01-01T10:00:00+15:00",
        "2020-01-01T10:00:00 CET",
        "2020-01-01  10:00:00",
    ],
)
def test_a_moment_that_is_none_is_a_fault(tmp_path: Path, cell: str) -> None:
    assert faults_of(tmp_path, f"path;start\nc.pdf;{cell}\n") == [(2, "B", "VALUE_DATE")]


def test_a_rule_starts_on_the_day_of_a_moment(tmp_path: Path) -> None:
    manifest = manifest_of(built(tmp_path, "path;DUA;début DUA;sort final\nc.pdf;APP;2020-01-01T23:30:00Z;Keep\n"))

    load_schema("2.2").assertValid(manifest)
    assert texts(manifest, "StartDate") == ["2020-01-01"]


@pytest.mark.parametrize(
    ("start", "end", "is_fault"),
    [
        ("2020-01-01T10:00:00", "2020-01-01T09:59:59", True),
        ("2020-01-01T10:00:00", "2020-01-01T10:00:00.5", False),
        ("2020-01-01T10:00:00+02:00", "2020-01-01T09:00:00Z", False),
        ("2020-01-01T10:00:00+02:00", "2020-01-01T07:59:59Z", True),
        ("2020-01-01T10:00:00+02:00", "2020-01-01T09:00:00", False),
        ("2020-01-03T10:00:00+02:00", "2020-01-01T09:00:00", True),
        ("2020-01-01T10:00:00", "2020-01-01", False),
        ("2020-01-01T10:00:00", "2020", False),
        ("2020-01-02T10:00:00", "2020-01-01", True),
    ],
)
def test_moments_are_in_the_wrong_order_only_when_they_surely_are(
    tmp_path: Path, start: str, end: str, *, is_fault: bool
) -> None:
    expected = [(2, "C", "DATES_REVERSED")] if is_fault else []

    assert faults_of(tmp_path, f"path;start;end\nc.pdf;{start};{end}\n") == expected


ROWS = {
    "the tree of the folder": (["1;;.", "2;1;s", "3;2;s\\a.pdf", "4;2;s\\t", "5;4;s\\t\\b.pdf", "6;1;c.pdf"], []),
    "children before their parents": (["5;4;s/t/b.pdf", "4;;s/t"], []),
    "a folder without a row between": (["2;;s", "5;2;s/t/b.pdf"], []),
    "a parent that another file has": (["2;1;s", "3;2;s/a.pdf"], []),
    "a root that is its own parent": (["1;1;.", "6;1;c.pdf"], []),
    "rows without any identifier": ([";;s", ";;c.pdf"], []),
    "a parent elsewhere": (["2;;s", "6;2;c.pdf"], [(3, "B", "PARENT_ELSEWHERE")]),
    "a parent too high": (["1;;.", "2;1;s", "3;1;s/a.pdf"], [(4, "B", "PARENT_ELSEWHERE")]),
    "a folder below its file": (["2;3;s", "3;2;s/a.pdf"], [(2, "B", "PARENT_ELSEWHERE")]),
    "a parent above the whole": (["1;2;.", "2;1;s"], [(2, "B", "PARENT_ELSEWHERE")]),
    "a parent without a row": (["2;;s", "3;9;s/a.pdf"], [(3, "B", "PARENT_ABSENT")]),
    "an identifier said twice": (["2;;s", "2;;c.pdf"], [(3, "A", "ID_REPEATED")]),
    "paths come first": (["2;;absent", "3;2;s/a.pdf"], [(2, "C", "PATH_ABSENT")]),
}


@pytest.mark.parametrize("case", ROWS)
def test_identifiers_are_taken_where_they_say_what_the_folder_says(tmp_path: Path, case: str) -> None:
    rows, expected = ROWS[case]
    text = "\n".join(["ID;ParentID;File;Content.Title", *(f"{row};T{number}" for number, row in enumerate(rows))])

    assert faults_of(tmp_path, text + "\n") == expected
    if not expected:
        assert {f"T{number}" for number in range(len(rows))} <= set(texts(manifest_of(tmp_path / "sip.zip"), "Title"))


def test_parents_without_identifiers_say_nothing(tmp_path: Path) -> None:
    assert faults_of(tmp_path, "ParentID;File\n;s\n1;s/a.pdf\n") == [(1, "A", "COLUMN_ALONE")]


def test_no_row_is_an_orphan_because_others_were_not_read(tmp_path: Path) -> None:
    broken = 'ID;ParentID;File\n2;;s\n4;9;s/a.pdf\n9;"'
    many = "ID;ParentID;File;start;end\n2;9;s/a.pdf;;\n3;;s;;\n" + "4;;c.pdf;hier;hier\n" * 600

    assert faults_of(tmp_path, broken) == [(4, "", "CSV_BROKEN")]
    assert "PARENT_ABSENT" not in {code for _, _, code in faults_of(tmp_path, many)}


@pytest.mark.parametrize(
    ("there", "cell"),
    [
        (" a.txt", " a.txt"),
        ("a.txt ", "a.txt "),
        ("s/ a.txt", "s/ a.txt"),
        (" s/a.txt", " s\\a.txt"),
        (" s/a.txt", "./ s/a.txt"),
        (" ", " "),
        ("a.txt", "  a.txt "),
        ("s/a.txt", " s\\a.txt "),
    ],
)
def test_a_name_that_begins_or_ends_with_a_blank_is_found(tmp_path: Path, there: str, cell: str) -> None:
    assert "Trouvé" in texts(manifest_of(built(tmp_path, f"path;title\n{cell};Trouvé\n", there)), "Title")


def test_two_names_that_only_a_blank_tells_apart_are_each_named_by_it(tmp_path: Path) -> None:
    package = built(tmp_path, "path;title\n a.txt;avec\na.txt;sans\n", " a.txt", "a.txt")

    assert texts(manifest_of(package), "Title") == ["Dossier", "avec", "sans"]


def test_a_blank_path_is_none_and_not_the_folder_itself(tmp_path: Path) -> None:
    assert faults_of(tmp_path, "path;title\n  ;Titre\n") == [(2, "A", "PATH_EMPTY")]
