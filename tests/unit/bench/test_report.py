"""The table and the JSON."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

from bench import report
from bench.figures import Verdict, percentile, rate
from bench.options import parse
from tests.unit.bench.outcomes import an_outcome


def test_the_table_shows_who_uses_the_processor_for_each_sip() -> None:
    shown = report.table(an_outcome())
    (line,) = (line for line in shown.splitlines() if line.strip().startswith("ingest"))
    # 4 s for 100 SIPs in 10 s: 40 ms each, 40 % of a core.
    assert line.split() == ["ingest", "1", "4.00", "40.0", "40.0", "120", "90"]


def test_a_missed_budget_is_said_and_a_kept_one_too() -> None:
    assert "kept" in report.budgets([an_outcome(rate=20)])
    assert "MISSED" in report.budgets([an_outcome(rate=10)])
    assert report.all_kept([an_outcome(rate=20)])
    assert not report.all_kept([an_outcome(rate=20), an_outcome(rate=10)])


def test_a_budget_at_its_very_limit_is_kept() -> None:
    assert Verdict("at most", 4.0, 4.0, at_most=True).kept
    assert Verdict("at least", 15.0, 15.0, at_most=False).kept
    assert not Verdict("not measured", math.nan, 15.0, at_most=False).kept


def test_the_json_holds_figures_budgets_and_processes_and_no_path(tmp_path: Path) -> None:
    asked = parse(["--home", str(tmp_path), "--results", str(tmp_path / "results")])
    place = report.write([an_outcome()], asked, datetime(2026, 1, 5, 9, tzinfo=UTC))

    written = place.read_text(encoding="utf-8")
    document = json.loads(written)
    assert place.name == "2026-01-05T090000Z.json"
    assert str(tmp_path) not in written
    assert document["outcomes"][0]["figures"] == [{"name": "rate", "value": 20.0, "unit": "SIP/s"}]
    assert document["outcomes"][0]["budgets"][0]["kept"] is True
    assert document["outcomes"][0]["processes"][0] == {
        "label": "ingest",
        "processes": 1,
        "cpu_seconds": 4.0,
        "max_rss": 120 << 20,
        "max_private": 90 << 20,
        "ours": True,
    }


def test_what_a_process_of_ours_used_is_told_apart_from_the_servers() -> None:
    watched = an_outcome().watched
    assert watched.largest_of_ours == 120 << 20
    assert watched.largest == 500 << 20
    assert watched.cpu_seconds == 6.0


def test_percentiles_and_rates_are_those_of_the_values() -> None:
    assert percentile([float(value) for value in range(101)], 95) == 95
    assert percentile([3.0], 95) == 3.0
    assert rate([10.0, 10.5, 11.0, 11.5, 12.0]) == 2.0
