"""A public contract's papers: each phase leaves at its own time, and nothing is filed outside of one."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chartrier_client.municipal.procurement import Contract, contract_sip, phases_of
from chartrier_client.municipal.refusal import FlowError
from chartrier_client.municipal.template import shipped_template
from chartrier_client.samples.contract import ENDED, NOTIFIED, papers_of_a_contract
from tests.builders.judged_flows import PARTIES, findings_of, manifest_of, outline, rules_of

TEMPLATE = shipped_template("procurement")
CONTRACT = Contract("2022-07", "préau de l'école", "Charpentes Noël & Cie", "21990042000015", NOTIFIED, ENDED)


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "contract"
    papers_of_a_contract(folder)
    return folder


def test_a_contract_is_a_package_that_the_archive_takes(papers: Path, tmp_path: Path) -> None:
    prepared = contract_sip(CONTRACT, papers, PARTIES, TEMPLATE)

    assert findings_of(prepared, TEMPLATE, tmp_path) == []
    assert prepared.message_identifier == "MARCHE-21990042000015-2022-07"


def test_its_phases_stand_in_the_order_of_the_template(papers: Path, tmp_path: Path) -> None:
    manifest = manifest_of(contract_sip(CONTRACT, papers, PARTIES, TEMPLATE), tmp_path)

    assert [line for line in outline(manifest) if not line.startswith("    ")] == [
        "RecordGrp Marché n° 2022-07 : préau de l'école",
        "  File Préparation",
        "  File Dossier de consultation et publicité",
        "  File Candidatures et offres non retenues",
        "  File Attribution et pièces contractuelles",
        "  File Exécution et réception",
    ]
    assert "    File Bois-et-Toits" in outline(manifest)


@pytest.mark.parametrize(
    ("title", "appraisal", "access"),
    [
        (
            "Candidatures et offres non retenues",
            ("APP-MARCHE-PASSATION-05A", "2022-06-13", "Destroy"),
            ("AR039", "2022-06-13", None),
        ),
        (
            "Exécution et réception",
            ("APP-MARCHE-EXECUTION-10A", "2024-11-29", "Keep"),
            ("AR039", "2024-11-29", None),
        ),
    ],
)
def test_unsuccessful_bids_leave_before_what_was_carried_out(
    papers: Path, tmp_path: Path, title: str, appraisal: tuple[str, ...], access: tuple[str | None, ...]
) -> None:
    manifest = manifest_of(contract_sip(CONTRACT, papers, PARTIES, TEMPLATE), tmp_path)

    assert rules_of(manifest, title) == {"AppraisalRule": appraisal, "AccessRule": access}


def test_a_phase_without_papers_makes_no_unit(papers: Path, tmp_path: Path) -> None:
    (papers / "1-preparation" / "etude-de-faisabilite.pdf").unlink()
    manifest = manifest_of(contract_sip(CONTRACT, papers, PARTIES, TEMPLATE), tmp_path)

    assert "  File Préparation" not in outline(manifest)


def test_what_lies_in_no_phase_is_named_all_of_it(papers: Path) -> None:
    (papers / "divers").mkdir()
    (papers / "note.pdf").write_bytes(b"x")

    with pytest.raises(FlowError) as refused:
        contract_sip(CONTRACT, papers, PARTIES, TEMPLATE)

    assert "divers n'est rangé dans aucune phase (1-preparation, 2-consultation" in str(refused.value)
    assert "note.pdf is filed in no phase" in str(refused.value)


def test_what_systems_leave_behind_is_told_of_in_whatever_phase(papers: Path) -> None:
    (papers / "Thumbs.db").write_bytes(b"x")
    (papers / "1-preparation" / ".DS_Store").write_bytes(b"x")

    assert contract_sip(CONTRACT, papers, PARTIES, TEMPLATE).left_out == ("1-preparation/.DS_Store", "Thumbs.db")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ended": date(2022, 6, 12)}, "notifié le 13/06/2022, il ne peut être terminé le 12/06/2022"),
        ({"number": ""}, "numero manque"),
        ({"holder": ""}, "titulaire is missing"),
        ({"siret": ""}, "le SIRET manque"),
    ],
)
def test_what_is_wrong_with_a_contract_is_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(FlowError) as refused:
        replace(CONTRACT, **changes)

    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("phases", "told"),
    [
        ([{"folder": "a", "title": "A", "starts": "signed", "rules": []}], "la phase a commence par"),
        ([{"folder": "a", "title": "A", "starts": "ended"}], "'rules' manque aux phases"),
        (None, "the phases of the template have no 'phases'"),
    ],
)
def test_a_template_with_wrong_phases_is_refused(phases: list[Any] | None, told: str) -> None:
    wrong = replace(TEMPLATE, more={} if phases is None else {"phases": phases})

    with pytest.raises(FlowError) as refused:
        phases_of(wrong)

    assert told in str(refused.value)
