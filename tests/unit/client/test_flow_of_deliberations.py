"""The register of deliberations: acts are read from a table or from ACTES messages, and make one package."""

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from chartrier_client.municipal.acts import Act
from chartrier_client.municipal.acts_messages import act_in_message, receipt_in_message, received
from chartrier_client.municipal.acts_table import acts_in_table
from chartrier_client.municipal.deliberations import register
from chartrier_client.municipal.refusal import FlowError
from chartrier_client.municipal.template import shipped_template
from chartrier_client.samples.council import HEADINGS, ROWS, papers_of_sessions
from tests.builders.judged_flows import PARTIES, findings_of, manifest_of, outline, rules_of

TEMPLATE = shipped_template("deliberations")
PARCEL = "Délibération n° 2026-042 : acquisition d'une parcelle rue des Tilleuls"


@pytest.fixture
def council(tmp_path: Path) -> Path:
    folder = tmp_path / "council"
    papers_of_sessions(folder)
    return folder


def acts_of(folder: Path) -> tuple[Act, ...]:
    return acts_in_table(folder / "actes.csv")


def with_row(folder: Path, **changes: str) -> Path:
    """The table with its second act changed."""
    row = dict(zip(HEADINGS, ROWS[1], strict=True)) | changes
    table = folder / "actes.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows((HEADINGS, ROWS[0], tuple(row.values())))
    return table


def refusal_of(read: Callable[[], object]) -> str:
    with pytest.raises(FlowError) as refused:
        read()
    return str(refused.value)


def test_a_register_is_a_package_that_the_archive_takes(council: Path, tmp_path: Path) -> None:
    prepared = register(acts_of(council), PARTIES, TEMPLATE)

    assert findings_of(prepared, TEMPLATE, tmp_path) == []
    assert prepared.message_identifier == "ACTES-219900420-2026-02-12-2026-03-26-05034b26ef08"


def test_sessions_hold_acts_that_hold_their_annexes(council: Path, tmp_path: Path) -> None:
    manifest = manifest_of(register(acts_of(council), PARTIES, TEMPLATE), tmp_path)

    assert outline(manifest) == [
        "RecordGrp Registre des délibérations, 2026",
        "  File Séance du conseil municipal du 12/02/2026",
        "    Item Délibération n° 2026-021 : débat d'orientation budgétaire",
        "  File Séance du conseil municipal du 26/03/2026",
        f"    Item {PARCEL}",
        "      Item Annexe 1 : plan-parcelle",
        "    Item Délibération n° 2026-043 : tarifs de la cantine scolaire",
    ]


def test_they_are_kept_for_ever_and_communicable_at_once(council: Path, tmp_path: Path) -> None:
    manifest = manifest_of(register(acts_of(council), PARTIES, TEMPLATE), tmp_path)

    assert rules_of(manifest, PARCEL) == {
        "AppraisalRule": ("APP-DELIBERATION-01A", "2026-03-26", "Keep"),
        "AccessRule": ("AR038", "2026-03-26", None),
    }
    assert TEMPLATE.rules["access"].duration == "P0D"


@pytest.mark.parametrize(
    ("nature", "matter", "code"),
    [
        ("3", "4.1", "AR048"),
        ("4", "4", "AR048"),
        ("3", "8.2", "AR048"),
        ("1", "4.1", "AR038"),
        ("3", "8.21", "AR038"),
        ("3", "3.4", "AR038"),
    ],
)
def test_an_act_about_a_person_is_not(council: Path, tmp_path: Path, nature: str, matter: str, code: str) -> None:
    act = replace(acts_of(council)[0], nature=nature, matter=matter)
    manifest = manifest_of(register([act], PARTIES, TEMPLATE), tmp_path)

    assert [rule.findtext("{*}Rule") for rule in manifest.iter("{*}AccessRule")] == [code]


def test_days_without_a_deliberation_are_no_session(council: Path, tmp_path: Path) -> None:
    act = replace(acts_of(council)[0], nature="2")

    assert "  File Actes du 12/02/2026" in outline(manifest_of(register([act], PARTIES, TEMPLATE), tmp_path))


def test_a_table_is_read_as_a_spreadsheet_saves_it(council: Path) -> None:
    first, second, _ = acts_of(council)

    assert (first.day, first.nature, first.matter) == (date(2026, 2, 12), "1", "7.1")
    assert second.annexes == (council / "plan-parcelle.pdf",)
    assert second.receipt == "099-219900420-20260326-2026-042-DE"
    assert first.subject == "débat d'orientation budgétaire"


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8-sig", ","), ("utf-8", "\t"), ("cp1252", ";")])
def test_whatever_its_encoding_and_delimiter(council: Path, encoding: str, delimiter: str) -> None:
    expected = acts_of(council)
    with (council / "actes.csv").open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows((HEADINGS, *ROWS))

    assert acts_of(council) == expected


@pytest.mark.parametrize(
    ("heading", "value", "told"),
    [
        ("Date", "26 mars 2026", "ligne 3 : date : « 26 mars 2026 » n'est pas une date"),
        ("Nature", "7", "line 3: nature: “7” is not a code from 1 to 6"),
        ("Matière", "urbanisme", "n'est pas un code de matière"),
        ("Objet", "", "objet manque"),
        ("Fichier", "", "ligne 3 : fichier manque"),
        ("Fichier", "absent.pdf", "le fichier absent.pdf manque"),
        ("Annexes", "plan-parcelle.pdf|absente.pdf", "the file absente.pdf is missing"),
        ("Fichier", "../../etc/passwd", "le fichier ../../etc/passwd est hors du dossier"),
        ("Fichier", "/etc/passwd", "the file /etc/passwd is outside the folder"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(council: Path, heading: str, value: str, told: str) -> None:
    table = with_row(council, **{heading: value})

    assert told in refusal_of(lambda: acts_in_table(table))


def test_the_faults_of_all_lines_are_told_at_once(council: Path) -> None:
    (council / "DELIB_2026-021.pdf").unlink()
    refusal = refusal_of(lambda: acts_in_table(with_row(council, Nature="0")))

    assert "ligne 2 : le fichier DELIB_2026-021.pdf manque" in refusal
    assert "ligne 3 : nature" in refusal


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "colonnes absentes : date, numero, nature, matiere, objet, fichier"),
        ("date;numero;objet\n", "columns that are missing: nature, matiere, fichier"),
        ("date;numero;nature;matiere;objet;fichier\n", "aucun acte / no act"),
        (
            f"{';'.join(HEADINGS)};Objet;date\n",
            "la colonne date est là deux fois ; la colonne objet est",
        ),
        (f"{';'.join(HEADINGS)};Annexe\n", "the column annexe is unknown; perhaps annexes?"),
    ],
)
def test_a_table_without_acts_or_columns_is_refused(council: Path, text: str, told: str) -> None:
    (council / "actes.csv").write_text(text, encoding="utf-8")

    assert told in refusal_of(lambda: acts_of(council))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "12/02/2026;2026-021;1;7.1;budget;DELIB_2026-021.pdf;;AR;de trop\n",
            "ligne 2 : plus de cellules que",
        ),
        ("12/02/2026;2026-021;1\n", "ligne 2 : matiere manque"),
    ],
)
def test_a_line_of_another_length_is_named(council: Path, line: str, told: str) -> None:
    (council / "actes.csv").write_text(";".join(HEADINGS) + "\n" + line, encoding="utf-8")

    assert told in refusal_of(lambda: acts_of(council))


def test_columns_of_the_software_s_own_are_passed_over(council: Path) -> None:
    expected = acts_of(council)
    with (council / "actes.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows(
            [(*HEADINGS, "Rapporteur", ""), *((*row, "M. X", "") for row in ROWS)]
        )

    assert acts_of(council) == expected


def test_an_unclosed_quotation_mark_swallows_no_act(council: Path) -> None:
    table = with_row(council)
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace(";acquisition", ';"acquisition') + "\n" + text.splitlines()[1], encoding="utf-8")

    refusal = refusal_of(lambda: acts_in_table(table))

    assert "actes.csv : ligne 3 : la ligne ne se lit pas, un guillemet est de trop ou manque" in refusal


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("déb\ufffdt".encode(), "ligne 2 : « déb\ufffdt » a perdu des lettres"),
        (b"d\xe9b\x81t", "these bytes are neither UTF-8 nor Windows-1252"),
        (b"d\x01bat", "le caractère U+0001 ne peut pas figurer"),
    ],
    ids=["replaced", "unknown", "forbidden"],
)
def test_a_letter_that_was_lost_is_told(council: Path, content: bytes, told: str) -> None:
    (council / "actes.csv").write_bytes(
        b"date;numero;nature;matiere;objet;fichier\n12/02/2026;2026-021;1;7.1;" + content + b";DELIB_2026-021.pdf\n"
    )

    assert told in refusal_of(lambda: acts_of(council))


def test_a_subject_may_go_over_several_lines(council: Path) -> None:
    table = with_row(council, Objet="acquisition\nd'une parcelle")

    assert acts_in_table(table)[1].subject == "acquisition\nd'une parcelle"


def test_a_number_comes_once(council: Path) -> None:
    acts = acts_of(council)

    assert "le numéro 2026-021 revient deux fois" in refusal_of(lambda: register([*acts, acts[0]], PARTIES, TEMPLATE))
    assert "aucun acte" in refusal_of(lambda: register([], PARTIES, TEMPLATE))


def test_an_act_is_read_from_its_message_and_completed_by_its_receipt(council: Path) -> None:
    told = act_in_message(council / "2026-042.xml")
    receipt = receipt_in_message(council / "2026-042_ar.xml")

    assert receipt.received == date(2026, 3, 27)
    assert received(told, receipt) == acts_of(council)[1]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace('Date="2026-03-26"', 'Date="2026-13-26"'), "n'est pas une date"),
        (lambda text: text.replace('actes:CodeNatureActe="1"', ""), "nature manque"),
        (lambda text: text.replace("#v1.1-20040216", "#v0"), "la racine est"),
        (lambda text: text.replace("DELIB_2026-042.pdf", "../actes.csv"), "est hors du dossier"),
        (lambda text: text.replace("<actes:Acte ", "<!DOCTYPE x><actes:Acte "), "n'a pas de DOCTYPE"),
        (lambda text: text[:-9], "XML bien formé"),
    ],
)
def test_what_is_wrong_with_a_message_is_named(council: Path, change: Callable[[str], str], told: str) -> None:
    message = council / "2026-042.xml"
    message.write_text(change(message.read_text(encoding="iso-8859-1")), encoding="iso-8859-1")

    assert told in refusal_of(lambda: act_in_message(message))


def test_attributes_outside_the_namespace_are_read_as_well(council: Path) -> None:
    message = council / "2026-042.xml"
    expected = act_in_message(message)
    plain = message.read_text(encoding="iso-8859-1")
    for name in ("Date", "NumeroInterne", "CodeNatureActe", "CodeMatiere"):
        plain = plain.replace(f" actes:{name}=", f" {name}=")
    message.write_text(plain, encoding="iso-8859-1")

    assert act_in_message(message) == expected
