"""The trial of the schemas: what is left of it, and what it says where it cannot be played."""

from pathlib import Path

import pytest
from lxml import etree

from services.ingest.grammars import own_grammar
from shared.stopping import StopRequest
from tests import corpus_location
from tests.contracts import seda_documents, seda_equivalence, seda_mutants
from tests.contracts.seda_equivalence import Pair
from trials import schema_mutants
from trials.levers import Amiss
from trials.progress import Notebook, Progress
from trials.run import NotAtHand, Run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A trial of which the walk and one unit more are done; our schemas play the official ones too."""
    monkeypatch.setattr(schema_mutants, "find_official_xsd", lambda: tmp_path)
    monkeypatch.setattr(schema_mutants, "pair", lambda _, version: against(own_grammar(version), version))
    done = dict.fromkeys(range(5), "done")
    progress = Progress(trial="schema-mutants", seed=1, count=7, hours=1, done=done)
    return Run(tmp_path, Notebook(tmp_path, progress), StopRequest())


def against(official: etree.XMLSchema, version: str) -> Pair:
    return Pair(version, official, own_grammar(version))


def test_it_goes_on_with_what_is_left_and_counts_its_mutants(run: Run) -> None:
    figures = schema_mutants.play(run)

    assert figures == {"mutants compared": 2 * 15 * schema_mutants.EACH}
    assert run.left == ()
    assert run.notebook.progress.counted["SEDA 2.1: mutants refused by both"] > 0
    assert run.notebook.progress.counted["SEDA 2.2: mutants refused by both"] > 0


def test_a_difference_fails_it_with_what_each_set_says(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_mutants, "pair", lambda _, version: against(own_grammar("2.0"), version))

    with pytest.raises(Amiss, match=r"SEDA 2\.1: .*\n(?s:.*)official: .*\n(?s:.*)ours: "):
        schema_mutants.play(run)


def test_without_the_official_files_it_says_what_it_needs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_mutants, "find_official_xsd", lambda: None)

    with pytest.raises(NotAtHand, match="CHARTRIER_OFFICIAL_XSD"):
        schema_mutants.play(run)


def test_the_walk_meets_every_element_or_says_which_it_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = seda_mutants.seeded("nothing drawn")
    monkeypatch.setattr(seda_documents, "messages", lambda: ("Acknowledgement",))

    with pytest.raises(seda_equivalence.Difference, match=r"never met: .*'ArchiveUnit'"):
        for _ in seda_equivalence.every_place("2.3", rng):
            pass


def test_a_folder_named_but_absent_is_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHARTRIER_OFFICIAL_XSD", str(tmp_path / "absent"))
    assert corpus_location.find_official_xsd() is None
    monkeypatch.setenv("CHARTRIER_OFFICIAL_XSD", str(tmp_path))
    assert corpus_location.find_official_xsd() == tmp_path
