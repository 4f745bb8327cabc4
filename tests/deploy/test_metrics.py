"""The operator's list of metrics is the code's; what labels are compared with exists."""

import ast
import json
import re

import pytest

from shared.messages.routes import ROUTES
from tests.deploy.exported import ROOT, Declared, declared

BOOK = ROOT / "docs/operations.md"
ASKED = [ROOT / "deploy/k8s/components/prometheus/rules.yaml", *sorted((ROOT / "deploy/grafana").glob("*.json"))]

BOUNDED = frozenset(
    {"room", "method", "route", "status", "queue", "topic", "outcome", "kind", "step", "state", "site", "place"}
    | {"dependency", "measure", "sender", "reason", "version", "doing", "authority", "source"}
)
"""What a label may be: each from a list that our code or an operator's settings hold."""

UNSAID = {"sip.rejected.v1", "transfer.completed.v1"}
"""Topics that nobody hears yet."""


def asked() -> str:
    return "".join(place.read_text(encoding="utf-8") for place in ASKED).replace('\\"', '"')


def steps() -> set[str]:
    """The names of steps, as the code times them."""
    modules = (ROOT / "services").rglob("*.py")
    calls = (node for module in modules for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))))
    return {
        ast.literal_eval(call.args[1])
        for call in calls
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "timed"
    }


@pytest.mark.parametrize("metric", declared(), ids=lambda metric: metric.name)
def test_a_label_has_few_values_known_beforehand(metric: Declared) -> None:
    assert set(metric.labels) <= BOUNDED


def test_the_book_lists_the_metrics_that_there_are_with_their_labels() -> None:
    listed = dict(
        re.findall(r"^\| `(chartrier_\w+)` \| ([\w, ]*?) *\|", BOOK.read_text(encoding="utf-8"), re.MULTILINE)
    )

    suffix = {"Counter": "_total", "Gauge": "", "Histogram": ""}
    assert listed == {one.name + suffix[one.kind]: ", ".join(one.labels) for one in declared()}


def test_steps_that_are_named_are_timed() -> None:
    compared = {step for found in re.findall(r'step=~"([\w|]+)"', asked()) for step in found.split("|")}
    row = next(line for line in BOOK.read_text(encoding="utf-8").splitlines() if "`chartrier_step_seconds`" in line)

    assert compared == steps() - {"build_dip"}
    assert set(re.findall(r"`(\w+)`", row)) - {"chartrier_step_seconds"} == steps()


def test_topics_that_are_named_exist() -> None:
    compared = set(re.findall(r'topic="([\w.]+)"', asked()))

    assert compared
    assert compared <= UNSAID | {topic for topics in ROUTES.values() for topic in topics}


def test_dashboards_are_json_and_small() -> None:
    for place in ASKED[1:]:
        assert json.loads(place.read_text(encoding="utf-8"))
        assert place.stat().st_size < 40_000
