"""The papers of two invented council sessions, the table a clerk keeps of them, and one act as ACTES tells it."""

import csv
from datetime import date
from pathlib import Path

from lxml import etree

from chartrier_client.samples.papers import write_papers

NAMESPACE = "http://www.interieur.gouv.fr/ACTES#v1.1-20040216"
FEBRUARY, MARCH = date(2026, 2, 12), date(2026, 3, 26)
PAPERS = (
    ("DELIB_2026-021.pdf", "Le conseil adopte le débat d'orientation budgétaire.", FEBRUARY),
    ("DELIB_2026-042.pdf", "Le conseil décide d'acquérir la parcelle AB n° 214.", MARCH),
    ("plan-parcelle.pdf", "Plan de la parcelle AB n° 214, 12 rue des Tilleuls.", MARCH),
    ("DELIB_2026-043.pdf", "Le conseil fixe les tarifs de la cantine scolaire.", MARCH),
)
HEADINGS = ("Date", "Numéro", "Nature", "Matière", "Objet", "Fichier", "Annexes", "AR")
ROWS = (
    ("12/02/2026", "2026-021", "1", "7.1", "débat d'orientation budgétaire", "DELIB_2026-021.pdf", "", ""),
    (
        "26/03/2026",
        "2026-042",
        "1",
        "3.1",
        "acquisition d'une parcelle rue des Tilleuls",
        "DELIB_2026-042.pdf",
        "plan-parcelle.pdf",
        "099-219900420-20260326-2026-042-DE",
    ),
    ("26/03/2026", "2026-043", "1", "7.10", "tarifs de la cantine scolaire", "DELIB_2026-043.pdf", "", ""),
)


def papers_of_sessions(folder: Path) -> Path:
    """Write the papers, `actes.csv` as a French spreadsheet saves it, and `2026-042.xml`; returns the table."""
    write_papers(folder, PAPERS)
    table = folder / "actes.csv"
    with table.open("w", encoding="cp1252", newline="") as file:
        csv.writer(file, delimiter=";").writerows((HEADINGS, *ROWS))
    (folder / "2026-042.xml").write_bytes(_act())
    (folder / "2026-042_ar.xml").write_bytes(_receipt())
    return table


def _act() -> bytes:
    act = _element(None, "Acte", Date=MARCH.isoformat(), NumeroInterne="2026-042", CodeNatureActe="1")
    _element(act, "CodeMatiere1", CodeMatiere="3")
    _element(act, "CodeMatiere2", CodeMatiere="1")
    _element(act, "Objet").text = ROWS[1][4]
    _element(_element(act, "Document"), "NomFichier").text = ROWS[1][5]
    annexes = _element(act, "Annexes", Nombre="1")
    _element(_element(annexes, "Annexe"), "NomFichier").text = ROWS[1][6]
    return etree.tostring(act, encoding="ISO-8859-1", xml_declaration=True, pretty_print=True)


def _receipt() -> bytes:
    receipt = _element(None, "ARActe", IDActe=ROWS[1][7], DateReception="2026-03-27")
    return etree.tostring(receipt, encoding="ISO-8859-1", xml_declaration=True)


def _element(parent: etree._Element | None, name: str, **attributes: str) -> etree._Element:
    qualified = {f"{{{NAMESPACE}}}{key}": value for key, value in attributes.items()}
    tag = f"{{{NAMESPACE}}}{name}"
    if parent is None:
        return etree.Element(tag, qualified, nsmap={"actes": NAMESPACE})
    return etree.SubElement(parent, tag, qualified)
