"""The metrics that our code declares, read from the code itself, wherever they are declared."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

KINDS = ("Counter", "Gauge", "Histogram")

TARGET = frozenset({"instance", "role"})
"""Labels that Prometheus gives to what it reads: where from, and (see the ServiceMonitor) what the process does."""

FOREIGN = {
    "up": TARGET,
    "process_start_time_seconds": TARGET,
    "process_resident_memory_bytes": TARGET,
    "process_cpu_seconds_total": TARGET,
    "process_open_fds": TARGET,
}
"""Metrics of Prometheus itself, and of its library in every process."""


@dataclass(frozen=True)
class Declared:
    """One metric of ours, as its declaration says."""

    kind: str
    name: str
    help: str
    labels: tuple[str, ...]
    module: Path

    @property
    def samples(self) -> dict[str, frozenset[str]]:
        """The names under which Prometheus knows it, each with its labels."""
        labels = frozenset(self.labels)
        if self.kind == "Counter":
            return {f"{self.name}_total": labels}
        if self.kind == "Histogram":
            return {f"{self.name}_bucket": labels | {"le"}, f"{self.name}_sum": labels, f"{self.name}_count": labels}
        return {self.name: labels}


@cache
def declared() -> tuple[Declared, ...]:
    modules = [path for top in ("services", "shared") for path in sorted((ROOT / top).rglob("*.py"))]
    return tuple(one for module in modules for one in _of_module(module))


def _of_module(module: Path) -> Iterator[Declared]:
    text = module.read_text(encoding="utf-8")
    if "prometheus_client" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
            name, told, *rest = (ast.literal_eval(argument) for argument in node.args)
            yield Declared(node.func.id, name, told, tuple(rest[0]) if rest else (), module.relative_to(ROOT))


@cache
def exported() -> dict[str, frozenset[str]]:
    """Every name that may be asked for, with the labels it has."""
    ours = {name: labels | TARGET for one in declared() for name, labels in one.samples.items()}
    return ours | FOREIGN
