"""Each step is measured once, under what came of it."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from shared.messaging.outcome import TryAgain
from shared.object_store.errors import StoreUnavailable
from shared.steps import timed


def counted(step: str) -> dict[str, float]:
    found = {
        outcome: REGISTRY.get_sample_value(
            "chartrier_step_seconds_count", {"room": "ingest", "step": step, "outcome": outcome}
        )
        for outcome in ("done", "postponed", "failed", "cancelled")
    }
    return {outcome: value for outcome, value in found.items() if value}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "done"),
        (TryAgain("later"), "postponed"),
        (StoreUnavailable("later"), "postponed"),
        (ValueError("a bug"), "failed"),
        (asyncio.CancelledError(), "cancelled"),
    ],
)
def test_a_step_is_counted_by_its_outcome_and_its_error_goes_on(error: BaseException | None, outcome: str) -> None:
    step = f"step of {type(error).__name__}"
    if error is None:
        with timed("ingest", step):
            pass
    else:
        with pytest.raises(type(error)), timed("ingest", step):
            raise error

    assert counted(step) == {outcome: 1}
