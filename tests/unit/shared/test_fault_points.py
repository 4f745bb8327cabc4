"""Every place where a trial strikes is named once, and each name is somewhere in the code."""

import ast
from collections import Counter
from pathlib import Path

from shared.faults import FAULT_POINTS

ROOT = Path(__file__).parents[3]


def places() -> Counter[str]:
    found: Counter[str] = Counter()
    for folder in ("services", "shared"):
        for module in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "fault_point":
                    (name,) = node.args
                    assert isinstance(name, ast.Constant), f"{module}: the name is written out"
                    found[str(name.value)] += 1
    return found


def test_each_place_has_one_name_and_each_name_one_place() -> None:
    assert places() == Counter(FAULT_POINTS)
