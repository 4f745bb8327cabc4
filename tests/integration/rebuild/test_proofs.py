"""Anchors and seals come back from a site, and say where the journals beside them were written anew."""

import hashlib
import json

import pytest

from bench.kept_sites import KeptSite
from services.proof.domain.line import FixedLine
from services.storage.domain.keys import proof_key
from tests.builders import rewriting
from tests.builders.kept_proofs import prove
from tests.builders.proofs import anchor
from tests.builders.rewriting import Change
from tests.integration.rebuild.ruins import Ruins

pytestmark = pytest.mark.integration


@pytest.fixture
def anchored(request: pytest.FixtureRequest) -> KeptSite:
    """An AIP, an anchor and a seal over all journals, and its journal as a change leaves it, in containers."""
    change: Change | None = getattr(request, "param", None)
    site = KeptSite(seed="anchored")
    site.found()
    site.deposit()
    lines = site.journals["archives", site.establishment]
    prove(site)
    if change is not None:
        bodies = rewriting.rewritten([line.body for line in lines], change)
        # More lines come after: without them the journal would only end too early.
        site.journals["archives", site.establishment] = [_fixed(body) for body in bodies]
        site.deposit()
    site.close()
    return site


def _fixed(body: bytes) -> FixedLine:
    facts = json.loads(body)
    return FixedLine(facts["journal"], facts["number"], hashlib.sha512(body).hexdigest(), body, None)


async def test_they_come_back_with_the_journals_that_they_are_of(ruins: Ruins, anchored: KeptSite) -> None:
    ruins.lay(anchored)

    report = await ruins.rebuild()

    assert (report.findings, report.counts["anchors"], report.counts["seals"]) == ([], 1, 1)
    assert [row["number"] for row in await ruins.rows("SELECT number FROM proof.anchor")] == [1]


@pytest.mark.parametrize("anchored", [rewriting.altered, rewriting.without_batch], indirect=True)
async def test_a_journal_rewritten_before_its_anchor_is_named(ruins: Ruins, anchored: KeptSite) -> None:
    ruins.lay(anchored)

    report = await ruins.rebuild()

    said = [one for one in report.findings if one.code == "proof_contradicts"]
    assert [one.place for one in said] == [proof_key("anchor", 1), proof_key("seal", 1)]
    assert all(f"archives.{anchored.establishment}" in one.said for one in said)


async def test_an_anchor_of_which_no_line_tells_is_noted(ruins: Ruins, anchored: KeptSite) -> None:
    ruins.lay(anchored)
    ruins.plant(proof_key("anchor", 2), anchor(2, previous=anchored.objects[proof_key("anchor", 1)]))

    report = await ruins.rebuild()

    assert [(one.code, one.place) for one in report.findings] == [("without_line", proof_key("anchor", 2))]
    assert [row["number"] for row in await ruins.rows("SELECT number FROM proof.anchor")] == [1]
