"""Our schemas against the official ones: every place of the grammar spoilt in every way, then thousands at random."""

from pathlib import Path

from tests.contracts.seda_equivalence import VERSIONS, Difference, Pair, every_place, pair, random_mutants
from tests.corpus_location import find_official_xsd
from trials.levers import Amiss
from trials.run import Figures, NotAtHand, Run

EACH = 20
"""Mutants of each of the fifteen messages in one unit of work."""


def play(run: Run) -> Figures:
    """Walk each version's grammar (the first units), then spoil messages at random; needs the official files."""
    official = find_official_xsd()
    if official is None:
        raise NotAtHand("The official SEDA schemas are not here: set CHARTRIER_OFFICIAL_XSD to their folder.")
    for number in run.left:
        if run.is_over():
            break
        compared = _compare(run, number, official)
        for what, times in compared.compared.items():
            run.notebook.count(f"SEDA {compared.version}: mutants {what} by both", times)
        run.notebook.note_done(number, str(compared))
        print(f"  {number + 1}/{run.count} {compared}", flush=True)
    run.heed()
    return {"mutants compared": sum(run.notebook.progress.counted.values())}


def _compare(run: Run, number: int, official: Path) -> Pair:
    version = VERSIONS[number % len(VERSIONS)]
    compared, rng = pair(official, version), run.chance(number)
    try:
        compared.assert_same(
            every_place(version, rng) if number < len(VERSIONS) else random_mutants(version, rng, EACH)
        )
    except Difference as difference:
        raise Amiss(str(difference)) from difference
    return compared
