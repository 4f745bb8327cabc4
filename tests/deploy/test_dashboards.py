"""Dashboards ask for metrics that exist, and are such as Grafana takes."""

import json
import re
from collections import Counter
from functools import cache
from typing import Any

import pytest

from tests.deploy.exported import ROOT, exported
from tests.deploy.promql import parse

FOLDER = ROOT / "deploy/grafana"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))

UNITS = {"short", "s", "bytes", "percentunit", "reqps", "ops"}
WIDTH = 24

Panel = dict[str, Any]


@cache
def dashboard(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def panels(name: str) -> list[Panel]:
    return [panel for panel in dashboard(name)["panels"] if panel["type"] != "row"]


def expressions() -> list[tuple[str, str, str]]:
    return [
        (f"{name}: {panel['title']} {target['refId']}", target["expr"], target["legendFormat"])
        for name in NAMES
        for panel in panels(name)
        for target in panel["targets"]
    ]


@pytest.mark.parametrize(("place", "text", "legend"), expressions(), ids=[place for place, _, _ in expressions()])
def test_a_panel_asks_for_metrics_and_labels_that_are_exported(place: str, text: str, legend: str) -> None:
    expression = parse(text)

    assert expression.metrics - exported().keys() == set(), place
    for metric, labels in expression.chosen:
        assert labels - exported()[metric] == set(), metric
    available = {label for metric in expression.metrics for label in exported()[metric]}
    assert expression.grouped - available == set()
    # A legend names what the expression leaves, and nothing that it has summed away.
    assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= (expression.grouped or available)


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_one_that_grafana_takes(name: str) -> None:
    board = dashboard(name)

    assert board["schemaVersion"] >= 39
    assert board["uid"] == f"chartrier-{name}"
    assert board["title"].startswith("Chartrier: ")
    ids = Counter(panel["id"] for panel in board["panels"])
    assert max(ids.values()) == 1
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"]))) - {"__rate_interval"}
    assert used <= variables.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_panel_has_a_title_a_unit_and_a_place_of_its_own(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard(name)["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + right, place["y"] + down) for right in range(place["w"]) for down in range(place["h"])}
        assert panel["title"]
        assert place["x"] + place["w"] <= WIDTH
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels(name):
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_no_two_dashboards_are_taken_for_one_another() -> None:
    assert len(NAMES) >= 2
    assert len({dashboard(name)["uid"] for name in NAMES}) == len(NAMES)
    assert len({dashboard(name)["title"] for name in NAMES}) == len(NAMES)
