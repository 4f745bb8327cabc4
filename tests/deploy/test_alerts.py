"""Alarms name metrics that exist, and each has its entry in the operator's book."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.ingest.domain.transfer import TransferState
from shared.rooms import ROOMS
from tests.deploy.exported import ROOT, exported
from tests.deploy.promql import parse

RULES = ROOT / "deploy/k8s/components/prometheus/rules.yaml"
BOOK = ROOT / "docs/operations.md"
SEVERITIES = {"critical", "warning", "info"}

_NAMED = re.compile(r"\{\{[^}]*\$labels\.(\w+)")


@cache
def spec() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["spec"]
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in spec()["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def name_of(rule: dict[str, Any]) -> str:
    return str(rule.get("alert") or rule["record"])


@cache
def known() -> dict[str, frozenset[str]]:
    """What is exported, and what the rules record themselves, with the labels each has."""
    recorded = {rule["record"]: frozenset(parse(rule["expr"]).grouped) for rule in rules() if "record" in rule}
    return {**exported(), **recorded}


def section() -> str:
    return BOOK.read_text(encoding="utf-8").partition("\n## Alarms\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("rule", rules(), ids=name_of)
def test_a_rule_names_metrics_and_labels_that_are_exported(rule: dict[str, Any]) -> None:
    expression = parse(rule["expr"])

    assert expression.metrics - known().keys() == set()
    for metric, labels in expression.chosen:
        assert labels - known()[metric] == set(), metric
    available = {label for metric in expression.metrics for label in known()[metric]}
    assert expression.grouped - available == set()


@pytest.mark.parametrize("rule", alerts(), ids=name_of)
def test_an_alarm_says_how_grave_it_is_what_it_means_and_where_to_read_on(rule: dict[str, Any]) -> None:
    expression, notes = parse(rule["expr"]), rule["annotations"]

    assert rule["labels"]["severity"] in SEVERITIES
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"
    # A label that the expression groups away would be told as nothing.
    told = set(_NAMED.findall(notes["summary"] + notes["description"]))
    left = expression.grouped or {label for metric in expression.metrics for label in known()[metric]}
    assert told <= left


def test_every_alarm_has_its_entry_in_the_book_and_every_entry_its_alarm() -> None:
    entries = re.findall(r"^### (\w+)$", section(), re.MULTILINE)

    assert sorted(entries) == sorted(rule["alert"] for rule in alerts())
    assert len(entries) == len(set(entries))


def test_an_entry_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    entries = re.split(r"^### ", section(), flags=re.MULTILINE)[1:]

    lacking = [entry.split()[0] for entry in entries if not all(f"**{word}**" in entry for word in ("Look", "Do"))]
    assert lacking == []


def test_the_alarm_for_a_room_that_is_down_knows_every_room() -> None:
    (rule,) = (rule for rule in alerts() if rule["alert"] == "ChartrierRoomDown")

    assert set(re.findall(r'room="(\w+)"', rule["expr"])) == set(ROOMS)


def test_states_that_rules_leave_out_exist() -> None:
    named = {state for rule in rules() for state in re.findall(r'\bstate!="(\w+)"', rule["expr"])}

    assert named <= set(TransferState)


@pytest.mark.parametrize(
    ("text", "metrics", "grouped"),
    [
        ('sum by (room) (rate(a_total{status=~"5.."}[5m])) / sum(b) by (room, le)', {"a_total", "b"}, {"room", "le"}),
        ("time() - max(c) > 7 * 86400 and c > 0", {"c"}, set()),
        ('histogram_quantile(0.95, sum by (le) (rate(d_bucket{x="}"}[$__rate_interval])))', {"d_bucket"}, {"le"}),
        ("e offset 5m * on (site) group_left (place) f", {"e", "f"}, {"site", "place"}),
    ],
)
def test_expressions_are_understood(text: str, metrics: set[str], grouped: set[str]) -> None:
    found = parse(text)

    assert (found.metrics, found.grouped) == (metrics, grouped)


@pytest.mark.parametrize("text", ["frobnicate(a)", "sum by (room", "a{room=", "a # b"])
def test_nonsense_is_not_taken_for_an_expression(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown function|no '|not PromQL"):
        parse(text)


PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")


def promtool(*arguments: str | Path) -> None:
    ended = subprocess.run([str(PROMTOOL), *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture
def plain_rules(tmp_path: Path) -> Path:
    """The rules as Prometheus reads them, without Kubernetes around them."""
    place = tmp_path / "rules.yaml"
    place.write_text(yaml.safe_dump(spec(), allow_unicode=True), encoding="utf-8")
    return place


@needs_promtool
def test_prometheus_takes_the_rules(plain_rules: Path) -> None:
    promtool("check", "rules", plain_rules)


@needs_promtool
@pytest.mark.parametrize("cases", ["alarms.yaml", "alarms_of_days.yaml"])
def test_alarms_ring_when_they_should_and_not_before(plain_rules: Path, cases: str) -> None:
    place = shutil.copy(Path(__file__).with_name(cases), plain_rules.parent)

    promtool("test", "rules", place)
