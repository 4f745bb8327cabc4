"""Every fault of a metadata file is told, by file, row, column and reason, in two languages, all at once."""

import csv
import re
from pathlib import Path

import pytest

import chartrier_client
from chartrier_client import MetadataError
from chartrier_client.folders import FolderPlan, build_from_folder
from chartrier_client.metadata.columns import NAMES, known_columns
from chartrier_client.metadata.faults import letters
from tests.unit.client.folders import a_csv, a_folder, an_envelope

PATHS = ("a.pdf", "été/b.pdf", "été/c.pdf", ".DS_Store")


def faults_of(place: Path, text: str, encoding: str = "utf-8") -> list[tuple[int, str, str]]:
    """The faults of a metadata file about `PATHS`, as row, column and code; none when it is right."""
    plan = FolderPlan(a_csv(place, text, encoding))
    try:
        build_from_folder(a_folder(place, *PATHS), place / "sip.zip", an_envelope(), plan=plan)
    except MetadataError as error:
        assert not (place / "sip.zip").exists()
        return [(fault.row, fault.column, fault.code) for fault in error.faults]
    return []


HEADERS = "path;title;level;start;end;rule;rule start;final action;keyword;keyword type;language"

CASES = {
    "a path that is not there": ("b.pdf;;;;;;;;;;", [(2, "A", "PATH_ABSENT")]),
    "a path above the folder": ("../a.pdf;;;;;;;;;;", [(2, "A", "PATH_ABSENT")]),
    "no path": (";Titre;;;;;;;;;", [(2, "A", "PATH_EMPTY")]),
    "no path beside another fault": (";a\x07b;;;;;;;;;", [(2, "A", "PATH_EMPTY"), (2, "B", "VALUE_CHARACTER")]),
    "a path said twice": ("a.pdf;;;;;;;;;;\n./a.pdf;;;;;;;;;;", [(3, "A", "PATH_REPEATED")]),
    "a file never deposited": (".DS_Store;;;;;;;;;;", [(2, "A", "PATH_LEFT_OUT")]),
    "an unknown level": ("a.pdf;;Boîte;;;;;;;;", [(2, "C", "VALUE_LEVEL")]),
    "a day that does not exist": ("a.pdf;;;2026-02-30;;;;;;;", [(2, "D", "VALUE_DATE")]),
    "a date in words": ("a.pdf;;;hier;;;;;;;", [(2, "D", "VALUE_DATE")]),
    "a month of 13": ("a.pdf;;;;2026-13;;;;;;", [(2, "E", "VALUE_DATE")]),
    "dates in the wrong order": ("a.pdf;;;2026;2025;;;;;;", [(2, "E", "DATES_REVERSED")]),
    "dates of two precisions in the wrong order": ("a.pdf;;;2026-05;01/04/2026;;;;;;", [(2, "E", "DATES_REVERSED")]),
    "a rule without a final action": ("a.pdf;;;;;APP;;;;;", [(2, "H", "RULE_WITHOUT_ACTION")]),
    "a final action without a rule": ("a.pdf;;;;;;;Keep;;;", [(2, "H", "VALUE_ALONE")]),
    "a rule's start without a rule": ("a.pdf;;;;;;2026-01-01;;;;", [(2, "G", "VALUE_ALONE")]),
    "a rule that starts in a year": ("a.pdf;;;;;APP;2026;Keep;;;", [(2, "G", "VALUE_DAY")]),
    "an unknown final action": ("a.pdf;;;;;APP;;Brûler;;;", [(2, "H", "VALUE_ACTION")]),
    "a final action of another category": ("a.pdf;;;;;APP;;Copy;;;", [(2, "H", "VALUE_ACTION")]),
    "an unknown type of keyword": ("a.pdf;;;;;;;;eau;lieu;", [(2, "J", "VALUE_KEYWORD_TYPE")]),
    "a type without a keyword": ("a.pdf;;;;;;;;;subject;", [(2, "J", "VALUE_ALONE")]),
    "a language in words": ("a.pdf;;;;;;;;;;vieux français", [(2, "K", "VALUE_LANGUAGE")]),
    "a control character": ("a.pdf;a\x07b;;;;;;;;;", [(2, "B", "VALUE_CHARACTER")]),
    "a cell too many": ("a.pdf;;;;;;;;;;;intrus", [(2, "", "ROW_TOO_LONG")]),
    "a quotation mark that is not closed": ('a.pdf;"Titre;;;;;;;;;', [(2, "", "CSV_BROKEN")]),
    "blank rows count, as in a spreadsheet": ("\n;;;;;;;;;;\nb.pdf;;;;;;;;;;", [(4, "A", "PATH_ABSENT")]),
    "a cell of two lines is one row": ('a.pdf;"deux\nlignes";;;;;;;;;\nb.pdf;;;;;;;;;;', [(3, "A", "PATH_ABSENT")]),
    "all of it at once": (
        'b.pdf;;Boîte;hier;;APP;;;;;\na.pdf;;;;;;;;;subject;\na.pdf;"x',
        [
            (2, "A", "PATH_ABSENT"),
            (2, "C", "VALUE_LEVEL"),
            (2, "D", "VALUE_DATE"),
            (2, "H", "RULE_WITHOUT_ACTION"),
            (3, "J", "VALUE_ALONE"),
            (4, "", "CSV_BROKEN"),
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_told_by_its_row_its_column_and_its_code(tmp_path: Path, case: str) -> None:
    rows, expected = CASES[case]

    assert faults_of(tmp_path, f"{HEADERS}\n{rows}\n") == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("titre", [(1, "", "COLUMN_MISSING")]),
        ("", [(1, "", "COLUMN_MISSING")]),
        ("path;poids", [(1, "B", "COLUMN_UNKNOWN")]),
        ("path;titre;title", [(1, "C", "COLUMN_REPEATED")]),
        ("path;mot-clé 1;keyword", [(1, "C", "COLUMN_REPEATED")]),
        ("path;titre 2", [(1, "B", "COLUMN_UNKNOWN")]),
        ("path;début DUA", [(1, "B", "COLUMN_ALONE")]),
        ("path;;titre", []),
    ],
)
def test_headers_have_faults_of_their_own(tmp_path: Path, headers: str, expected: list[tuple[int, str, str]]) -> None:
    assert faults_of(tmp_path, headers + "\n") == expected


def test_beyond_a_thousand_faults_the_rest_is_not_read_and_that_is_said(tmp_path: Path) -> None:
    found = faults_of(tmp_path, "path\n" + "absent\n" * 1500)

    assert len(found) == 1001
    assert (1001, "", "AND_MORE") in found


def test_every_code_of_a_fault_is_in_the_readme() -> None:
    package = Path(chartrier_client.__file__).parent
    codes = {
        code
        for module in (package / "metadata").glob("*.py")
        for code in re.findall(r'"([A-Z]+_[A-Z_]+|ENCODING)"', module.read_text(encoding="utf-8"))
    }
    readme = (package.parent / "README.md").read_text(encoding="utf-8")

    assert len(codes) > 20
    assert {code for code in codes if f"`{code}`" not in readme} == set()


def test_a_row_with_faulty_headers_is_read_all_the_same(tmp_path: Path) -> None:
    assert faults_of(tmp_path, "path;poids\nb.pdf;3\n") == [(1, "B", "COLUMN_UNKNOWN"), (2, "A", "PATH_ABSENT")]


def test_the_whole_sentence_is_in_both_languages(tmp_path: Path) -> None:
    plan = FolderPlan(a_csv(tmp_path, "chemin;tittre\nb.pdf;x\n"))

    with pytest.raises(MetadataError) as caught:
        build_from_folder(a_folder(tmp_path, *PATHS), tmp_path / "sip.zip", an_envelope(), plan=plan)

    told = [fault.text() for fault in caught.value.faults]
    assert [text.fr for text in told] == [
        "metadata.csv, ligne 1, colonne B «tittre» : cette colonne est inconnue ; peut-être «titre» ?",
        "metadata.csv, ligne 2, colonne A «chemin» : «b.pdf» n'est pas dans le dossier",
    ]
    assert [text.en for text in told] == [
        "metadata.csv, row 1, column B «tittre»: this column is unknown; perhaps «title»?",
        "metadata.csv, row 2, column A «chemin»: «b.pdf» is not in the folder",
    ]


def test_bytes_of_no_text_are_told_of(tmp_path: Path) -> None:
    plan = FolderPlan(tmp_path / "metadata.csv")
    (tmp_path / "metadata.csv").write_bytes(b"path;title\na.pdf;\x81\n")

    with pytest.raises(MetadataError) as caught:
        build_from_folder(a_folder(tmp_path, *PATHS), tmp_path / "sip.zip", an_envelope(), plan=plan)
    assert [fault.code for fault in caught.value.faults] == ["ENCODING"]


def test_the_readers_of_other_files_keep_their_own_limit(tmp_path: Path) -> None:
    before = csv.field_size_limit()

    assert faults_of(tmp_path, "path\nnope\n") == [(2, "A", "PATH_ABSENT")]
    assert csv.field_size_limit() == before


def test_every_name_of_a_column_is_recognised_and_means_one_thing() -> None:
    for field, names in NAMES.items():
        for name in (*names, names[0].upper(), names[1].replace(" ", "_")):
            columns, _ = known_columns("f.csv", ["path", name])
            assert [column.field for column in columns if column.header == name][-1:] in ([field], []), name
            assert field == "path" or columns[-1].field == field, name


def test_columns_are_lettered_as_spreadsheets_do() -> None:
    assert [letters(index) for index in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
