"""The bench's table for people, and its JSON for comparing one day with another."""

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from bench.figures import MIB, Outcome, Verdict
from bench.options import Options
from bench.processes import Usage

# Below this much CPU a process is not worth a line.
_SHOWN = 0.05


def table(outcome: Outcome) -> str:
    """Return one workload as text: its figures, then who used what."""
    lines = [f"== {outcome.workload} · {outcome.mode} =="]
    lines += [f"  {figure.name:<44}{number(figure.value):>12} {figure.unit}" for figure in outcome.figures]
    lines += [
        "",
        f"  {'process':<28}{'n':>3}{'CPU s':>10}{'ms/SIP':>10}{'% core':>9}{'max RSS MiB':>13}{'private MiB':>13}",
    ]
    lines += [_usage_line(usage, outcome) for usage in outcome.watched.usages if usage.cpu_seconds >= _SHOWN]
    return "\n".join(lines)


def _usage_line(usage: Usage, outcome: Outcome) -> str:
    each = 1000 * usage.cpu_seconds / outcome.deposits
    core = 100 * usage.cpu_seconds / outcome.watched.seconds
    return (
        f"  {usage.label:<28}{usage.processes:>3}{usage.cpu_seconds:>10.2f}{each:>10.1f}{core:>9.1f}"
        f"{usage.max_rss / MIB:>13.0f}{usage.max_private / MIB:>13.0f}"
    )


def budgets(outcomes: Sequence[Outcome]) -> str:
    """Return every promise with what was measured."""
    lines = [f"  {'budget':<28}{'mode':<14}{'measured':>10}   {'promised':>10}"]
    lines += [_verdict_line(outcome.mode, verdict) for outcome, verdict in _verdicts(outcomes)]
    return "\n".join(["== budgets ==", *lines])


def _verdict_line(mode: str, verdict: Verdict) -> str:
    promised = f"{'≤' if verdict.at_most else '≥'} {number(verdict.limit)}"
    word = "kept" if verdict.kept else "MISSED"
    return f"  {verdict.budget:<28}{mode:<14}{number(verdict.measured):>10}   {promised:>10}   {word}"


def all_kept(outcomes: Sequence[Outcome]) -> bool:
    """Tell whether every promise holds."""
    return all(verdict.kept for _, verdict in _verdicts(outcomes))


def write(outcomes: Sequence[Outcome], options: Options, when: datetime) -> Path:
    """Write everything measured to `<results>/<date>.json` and return its place."""
    options.results.mkdir(parents=True, exist_ok=True)
    place = options.results / f"{when:%Y-%m-%dT%H%M%SZ}.json"
    asked = {name: value for name, value in asdict(options).items() if name not in {"home", "results"}}
    document = {
        "date": when.isoformat(),
        "machine": machine(),
        "options": asked,
        "outcomes": [_as_json(outcome) for outcome in outcomes],
    }
    place.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return place


def machine() -> dict[str, Any]:
    """Say what the figures were measured on, and nothing that names the machine."""
    return {
        "cores": psutil.cpu_count(),
        "memory_mib": psutil.virtual_memory().total // MIB,
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "python": platform.python_version(),
    }


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "mode": outcome.mode,
        "workload": outcome.workload,
        "deposits": outcome.deposits,
        "figures": [
            {"name": figure.name.strip(), "value": round(figure.value, 4), "unit": figure.unit}
            for figure in outcome.figures
        ],
        "budgets": [{**asdict(verdict), "kept": verdict.kept} for verdict in outcome.verdicts],
        "processes": [asdict(usage) for usage in outcome.watched.usages],
    }


def number(value: float) -> str:
    """Write a figure with as many digits as mean something."""
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def _verdicts(outcomes: Sequence[Outcome]) -> Iterator[tuple[Outcome, Verdict]]:
    for outcome in outcomes:
        for verdict in outcome.verdicts:
            yield outcome, verdict
