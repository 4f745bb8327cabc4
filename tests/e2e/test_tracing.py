"""One deposit is one trace, from the depositor's request to the last line of the journal, across every process."""

from pathlib import Path
from uuid import uuid4

import pytest

from services.local import stack
from tests.e2e.collector import Collected, Collector
from trials.towns import Archive, a_package, a_town, until_state

pytestmark = pytest.mark.e2e

STEPS = {
    "POST /ingest/v1/transfers",
    "publish sip.received.v1",
    "process ingest.check_sip",
    "work ingest.process",
    "process storage.copy_aip",
    "process data_management.take_aip",
    "process proof.keep_lines",
    "process ingest.follow_aip",
}
"""Some of a deposit's spans that must be there, whatever else is."""


def test_a_deposit_is_one_trace_across_every_process(
    full_stack: stack.Stack, collector: Collector, tmp_path: Path
) -> None:
    town = a_town(Archive("full-stack", full_stack.base_url, full_stack.home / "admin-client.json"))
    title = f"Dossier de Mme Xylophène-{uuid4().hex[:6]}"
    package = a_package(tmp_path / "sip.zip", title=title)
    trace_id = uuid4().hex
    with town.http() as http, town.client() as client:
        answer = http.post(
            f"/ingest/v1/transfers?agreement={town.agreement}",
            content=package.read_bytes(),
            headers={"Content-Type": "application/zip", "traceparent": f"00-{trace_id}-{uuid4().hex[:16]}-01"},
        )
        assert until_state(client, answer.json()["id"], "accepted", "rejected").state == "accepted"

    spans = collector.wait_for(trace_id, lambda found: names(found) >= STEPS and len(roots(found)) == 1)

    assert names(spans) >= STEPS
    # Every room of the corridor took part, in statements and in requests to the object stores as well.
    assert {span.service for span in spans} >= {
        f"chartrier-{room}" for room in ("ingest", "storage", "data_management", "proof")
    }
    assert any(span.facts.get("db.system.name") == "postgresql" for span in spans)
    assert any(span.service == "chartrier-storage" and span.name in {"PUT", "GET"} for span in spans)
    assert len(roots(spans)) == 1
    assert title not in str(spans)
    assert "Xyloph" not in str(spans)


def names(spans: list[Collected]) -> set[str]:
    return {span.name for span in spans}


def roots(spans: list[Collected]) -> set[str]:
    """The spans that are followed and are not there: of a whole tree the depositor's own alone."""
    return {span.parent_id for span in spans} - {span.span_id for span in spans}
