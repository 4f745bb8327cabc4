"""A refusal is recorded as it is explained."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from services.ingest.adapters.children import Children
from services.ingest.domain.finding_texts import text
from services.ingest.domain.records import findings_of_json
from services.ingest.domain.transfer import TransferState
from services.ingest.explainer import Explainer, prepare
from services.ingest.worker import Workshop
from tests.builders.sip_manifests import ASip, AUnit
from tests.integration.ingest.bench import UNHURRIED, Bench

pytestmark = pytest.mark.integration

WRONG = ASip(units=(AUnit("Délibération", level="Étage", files=(0, 1)),))


@pytest.fixture
async def child() -> AsyncIterator[Children]:
    children = Children(1, partial(prepare, None))
    yield children
    await children.close()


async def test_a_refusal_is_recorded_as_it_is_explained(bench: Bench, child: Children) -> None:
    deposited = await bench.deposit(bench.sip(WRONG))
    explainer = Explainer(child, seconds=60)

    await bench.process(Workshop(bench.ingest, bench.children, bench.rules, UNHURRIED, explainer))

    refused = await bench.transfer(deposited.id)
    (finding,) = (each for each in findings_of_json(refused.findings) if each.code == "MANIFEST_SCHEMA")
    assert refused.state is TransferState.REJECTED
    assert finding.params["path"].endswith("/ArchiveUnit[1]/Content/DescriptionLevel")
    assert finding.params["found"] == "Étage"
    assert "one of Fonds, Subfonds" in text(finding, "en")
