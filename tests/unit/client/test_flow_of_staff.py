"""An agent's papers: who he is and when he left are checked, and his folder makes a package the archive takes."""

from datetime import date
from pathlib import Path

import pytest

from chartrier_client.municipal.refusal import FlowError
from chartrier_client.municipal.staff import Agent, agent_from, agent_sip
from chartrier_client.municipal.template import shipped_template
from chartrier_client.samples.agent import papers_of_an_agent
from chartrier_client.samples.papers import write_papers
from tests.builders.judged_flows import PARTIES, findings_of, manifest_of, outline, rules_of

TEMPLATE = shipped_template("staff")
ROW = {
    "Matricule": "4217",
    "Nom": "Fontanel",
    "Prénom": "Odile",
    "Date de naissance": "14/03/1964",
    "Date de départ": "2026-04-01",
    "SIRET": "21990042000015",
}
AGENT = Agent("4217", "Fontanel", "Odile", date(1964, 3, 14), date(2026, 4, 1), "21990042000015")
TITLE = "Dossier individuel de FONTANEL Odile (matricule 4217)"


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "agent"
    papers_of_an_agent(folder)
    return folder


def refusal_of(**changes: str | None) -> str:
    with pytest.raises(FlowError) as refused:
        agent_from({**ROW, **changes})
    return str(refused.value)


def test_an_agent_is_read_from_a_line_of_any_export() -> None:
    assert agent_from(ROW) == AGENT


def test_his_papers_make_a_package_that_the_archive_takes(papers: Path, tmp_path: Path) -> None:
    prepared = agent_sip(AGENT, papers, PARTIES, TEMPLATE)

    assert findings_of(prepared, TEMPLATE, tmp_path) == []
    assert prepared.message_identifier == "RH-21990042000015-4217-2026-04-01"


def test_they_are_filed_as_they_were(papers: Path, tmp_path: Path) -> None:
    manifest = manifest_of(agent_sip(AGENT, papers, PARTIES, TEMPLATE), tmp_path)

    assert outline(manifest) == [
        f"RecordGrp {TITLE}",
        "  File carriere",
        "    Item 1986-nomination.pdf",
        "    Item 2004-avancement.pdf",
        "  File conges",
        "    Item 2025-compte-epargne-temps.pdf",
        "  File paie",
        "    Item 2025-attestation-annuelle.pdf",
        "  Item radiation.pdf",
    ]


def test_they_are_kept_by_his_birth_and_closed_by_his_departure(papers: Path, tmp_path: Path) -> None:
    manifest = manifest_of(agent_sip(AGENT, papers, PARTIES, TEMPLATE), tmp_path)

    assert rules_of(manifest, TITLE) == {
        "AppraisalRule": ("APP-DOSSIER-AGENT-80A", "1964-03-14", "Destroy"),
        "AccessRule": ("AR048", "2026-04-01", None),
    }


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("Date de naissance", "31/02/1964", "« 31/02/1964 » n'est pas une date"),
        ("Date de naissance", "1964-W11-6", "“1964-W11-6” is not a day"),
        ("Date de naissance", "", "date_de_naissance manque"),
        ("Date de naissance", "14/03/2064", "il ne peut être parti le 01/04/2026"),
        ("Date de naissance", "14/03/1664", "one of the two days is wrong"),
        ("Date de naissance", "14/03/2014", "one of the two days is wrong"),
        ("Matricule", " ", "matricule is missing"),
        ("Nom", None, "nom manque"),
        ("SIRET", "", "siret : le SIRET manque"),
        ("SIRET", "21990042000016", "la clé du SIRET 21990042000016 est fausse"),
    ],
)
def test_what_is_wrong_with_an_agent_is_named(name: str, value: str | None, told: str) -> None:
    assert told in refusal_of(**{name: value})


def test_all_that_is_wrong_is_told_at_once() -> None:
    refusal = refusal_of(Nom="", **{"Prénom": "", "Date de départ": "hier"})

    assert all(told in refusal for told in ("nom manque", "prenom manque", "« hier » n'est pas une date"))


def test_a_folder_without_a_paper_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vide" / "carriere").mkdir(parents=True)

    with pytest.raises(FlowError, match="ce dossier est vide / this folder is empty"):
        agent_sip(AGENT, tmp_path / "vide", PARTIES, TEMPLATE)
    with pytest.raises(FlowError, match="ce n'est pas un dossier / it is not a folder"):
        agent_sip(AGENT, tmp_path / "absent", PARTIES, TEMPLATE)


def test_an_empty_theme_makes_no_unit(papers: Path, tmp_path: Path) -> None:
    (papers / "sanctions").mkdir()

    assert "  File sanctions" not in outline(manifest_of(agent_sip(AGENT, papers, PARTIES, TEMPLATE), tmp_path))


def test_links_are_refused_by_name_all_of_them_at_once(papers: Path) -> None:
    (papers / "paie" / "lien.pdf").symlink_to(papers / "radiation.pdf")
    (papers / "autre").symlink_to(papers / "paie", target_is_directory=True)

    with pytest.raises(FlowError) as refused:
        agent_sip(AGENT, papers, PARTIES, TEMPLATE)

    assert refused.value.place == str(papers)
    assert [fault.fr.partition(" : ")[0] for fault in refused.value.faults] == [
        "autre n'est ni un fichier ni un dossier",
        "paie/lien.pdf n'est ni un fichier ni un dossier",
    ]


def test_what_systems_leave_beside_papers_is_told_of_and_not_deposited(papers: Path, tmp_path: Path) -> None:
    expected = outline(manifest_of(agent_sip(AGENT, papers, PARTIES, TEMPLATE), tmp_path))
    (papers / "Thumbs.db").write_bytes(b"x")
    (papers / "paie" / ".DS_Store").write_bytes(b"x")
    (papers / "__MACOSX").mkdir()
    (papers / "__MACOSX" / "note.pdf").write_bytes(b"x")

    prepared = agent_sip(AGENT, papers, PARTIES, TEMPLATE)

    assert prepared.left_out == ("Thumbs.db", "__MACOSX", "paie/.DS_Store")
    assert outline(manifest_of(prepared, tmp_path)) == expected


def test_a_folder_of_nothing_else_is_empty(tmp_path: Path) -> None:
    (tmp_path / "vide").mkdir()
    (tmp_path / "vide" / "Thumbs.db").write_bytes(b"x")

    with pytest.raises(FlowError, match="ce dossier est vide"):
        agent_sip(AGENT, tmp_path / "vide", PARTIES, TEMPLATE)


def test_what_is_no_pdf_is_for_the_archive_to_refuse(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    write_papers(folder, [("note.pdf", "Une note.", date(2026, 1, 1))])
    (folder / "note.txt").write_text("Une note.", encoding="utf-8")

    assert findings_of(agent_sip(AGENT, folder, PARTIES, TEMPLATE), TEMPLATE, tmp_path) == ["FORMAT_NOT_ALLOWED"]
