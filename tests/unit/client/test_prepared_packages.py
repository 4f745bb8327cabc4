"""Packages written before: the very same inputs find theirs again, others are told that it is not."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from chartrier_client.municipal.acts_table import acts_in_table
from chartrier_client.municipal.deliberations import register
from chartrier_client.municipal.prepared import Parties, PreparedSip
from chartrier_client.municipal.refusal import FlowError
from chartrier_client.municipal.staff import Agent, agent_sip
from chartrier_client.municipal.template import shipped_template
from chartrier_client.samples.agent import papers_of_an_agent
from chartrier_client.samples.council import papers_of_sessions
from tests.builders.judged_flows import PARTIES

AGENT = Agent("4217", "Fontanel", "Odile", date(1964, 3, 14), date(2026, 4, 1), "21990042000015")


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "agent"
    papers_of_an_agent(folder)
    return folder


def prepared(papers: Path, agent: Agent = AGENT, parties: Parties = PARTIES) -> PreparedSip:
    return agent_sip(agent, papers, parties, shipped_template("staff"))


def test_the_same_inputs_find_their_package_as_it_is_whatever_the_hour(papers: Path, tmp_path: Path) -> None:
    path = prepared(papers).write_in(tmp_path)
    first = path.read_bytes()
    later = replace(PARTIES, date=PARTIES.date + timedelta(hours=30))

    assert prepared(papers, parties=later).write_in(tmp_path) == path
    assert path.read_bytes() == first


def a_paper_came(papers: Path) -> PreparedSip:
    (papers / "carriere" / "2010-promotion.pdf").write_bytes((papers / "radiation.pdf").read_bytes())
    return prepared(papers)


def a_paper_changed(papers: Path) -> PreparedSip:
    paper = papers / "radiation.pdf"
    paper.write_bytes(paper.read_bytes().swapcase())
    return prepared(papers)


def a_paper_was_renamed(papers: Path) -> PreparedSip:
    (papers / "radiation.pdf").rename(papers / "radiation-2026.pdf")
    return prepared(papers)


def a_name_was_mended(papers: Path) -> PreparedSip:
    return prepared(papers, replace(AGENT, last_name="Fontanelle"))


def another_agreement(papers: Path) -> PreparedSip:
    return prepared(papers, parties=replace(PARTIES, agreement="ACCORD-2"))


@pytest.mark.parametrize(
    "change", [a_paper_came, a_paper_changed, a_paper_was_renamed, a_name_was_mended, another_agreement]
)
def test_other_inputs_of_the_same_name_are_not_given_its_package(
    papers: Path, tmp_path: Path, change: Callable[[Path], PreparedSip]
) -> None:
    path = prepared(papers).write_in(tmp_path)
    first = path.read_bytes()
    other = change(papers)

    with pytest.raises(FlowError) as refused:
        other.write_in(tmp_path)

    assert refused.value.place == "RH-21990042000015-4217-2026-04-01"
    assert f"le paquet {path.name}, déjà écrit, vient d'autres données" in refused.value.fr
    assert "or delete it so that these are deposited" in refused.value.en
    assert path.read_bytes() == first

    path.unlink()
    assert other.write_in(tmp_path).read_bytes() != first


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def without_a_manifest(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("note.txt", "")


def with_a_manifest_of_nonsense(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("manifest.xml", "<x><Date>hier</Date></x>")


def with_a_manifest_without_a_day(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("manifest.xml", "<x/>")


@pytest.mark.parametrize(
    "damage", [emptied, cut, without_a_manifest, with_a_manifest_of_nonsense, with_a_manifest_without_a_day]
)
def test_a_damaged_package_is_never_sent(papers: Path, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(prepared(papers).write_in(tmp_path))

    with pytest.raises(FlowError, match="déjà écrit, vient d'autres données"):
        prepared(papers).write_in(tmp_path)


def test_registers_of_the_same_days_are_two_messages(tmp_path: Path) -> None:
    papers_of_sessions(tmp_path / "council")
    template = shipped_template("deliberations")
    acts = acts_in_table(tmp_path / "council" / "actes.csv")
    orders = [replace(act, nature="2") for act in acts]
    renumbered = [replace(act, number=f"A-{act.number}") for act in acts]

    names = [register(these, PARTIES, template).message_identifier for these in (acts, orders, renumbered)]
    paths = {register(these, PARTIES, template).write_in(tmp_path) for these in (acts, orders, renumbered)}

    assert len(set(names)) == len(paths) == 3
    assert register(acts[::-1], PARTIES, template).message_identifier == names[0]
