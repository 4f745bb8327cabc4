"""Anchors come back from a site, and say where the journals that lie beside them were written anew."""

import hashlib
import json

import pytest

from bench.kept_sites import KeptSite
from services.proof.domain.line import FixedLine
from services.storage.domain.keys import proof_key
from tests.builders import rewriting
from tests.builders.proofs import anchor
from tests.builders.rewriting import Change
from tests.integration.rebuild.ruins import Ruins

pytestmark = pytest.mark.integration


def an_anchored_site(change: Change | None = None) -> KeptSite:
    """An AIP, an anchor over its journal, and the journal as a change leaves it, in containers."""
    site = KeptSite(seed="anchored")
    site.found()
    site.deposit()
    lines = site.journals["archives", site.establishment]
    head = lines[-1]
    content = anchor(1, [(head.journal, head.number, head.body)])
    site._store(proof_key("anchor", 1), content, ("proof:anchor", 1, None))  # noqa: SLF001
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


async def test_an_anchor_comes_back_with_the_journal_that_it_is_of(ruins: Ruins) -> None:
    ruins.lay(an_anchored_site())

    report = await ruins.rebuild()

    assert (report.findings, report.counts["anchors"]) == ([], 1)
    assert [row["number"] for row in await ruins.rows("SELECT number FROM proof.anchor")] == [1]


@pytest.mark.parametrize(
    "change", [rewriting.altered, rewriting.dropped, rewriting.reordered, rewriting.without_batch]
)
async def test_a_journal_rewritten_before_its_anchor_is_named(ruins: Ruins, change: Change) -> None:
    site = an_anchored_site(change)
    ruins.lay(site)

    report = await ruins.rebuild()

    (said,) = [one for one in report.findings if one.code == "proof_contradicts"]
    assert said.place == proof_key("anchor", 1)
    assert f"archives.{site.establishment}" in said.said


async def test_an_anchor_of_which_no_line_tells_is_noted(ruins: Ruins) -> None:
    site = an_anchored_site()
    ruins.lay(site)
    ruins.plant(proof_key("anchor", 2), anchor(2, previous=site.objects[proof_key("anchor", 1)]))

    report = await ruins.rebuild()

    assert [(one.code, one.place) for one in report.findings] == [("without_line", proof_key("anchor", 2))]
    assert [row["number"] for row in await ruins.rows("SELECT number FROM proof.anchor")] == [1]
