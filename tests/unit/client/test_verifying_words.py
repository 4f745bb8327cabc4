"""Every code that a check, a reason or a remark can have is said in both languages."""

import ast
import re
from pathlib import Path

from chartrier_client import verifying
from chartrier_client.verifying.reasons import REASONS, REMARKS
from chartrier_client.verifying.texts import CHECKS

MODULES = sorted(Path(verifying.__file__).parent.glob("*.py"))
SAYING = {"ok": 1, "same": 1, "malformed": 1, "failed": 2, "could_not": 2, "say": 2}
CODE = re.compile(r"[a-z_]+(?:\.[a-z_]+)*")


def texts(node: ast.AST) -> set[str]:
    found = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
    return {each for each in found if isinstance(each, str) and CODE.fullmatch(each)}


def used() -> tuple[set[str], set[str], set[str]]:
    checks, reasons, remarks = set[str](), set[str](), set[str]()
    calls = (node for module in MODULES for node in ast.walk(ast.parse(module.read_text("utf-8"))))
    for call in calls:
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in SAYING and call.args:
            checks |= texts(call.args[0])
            reasons |= texts(call.args[1]) if SAYING[name] == 2 else set()
        elif name in {"Malformed", "fault"} and call.args:
            reasons |= texts(call.args[0])
        elif name == "_fault":
            checks |= texts(call.args[2])
            reasons |= texts(call.args[3])
        elif name == "remark":
            remarks |= texts(call.args[0])
    return checks, reasons, remarks


def test_everything_that_can_be_said_has_words() -> None:
    checks, reasons, remarks = used()

    assert checks - {"reason"} <= CHECKS.keys()
    assert reasons <= REASONS.keys()
    assert remarks <= REMARKS.keys()
    assert len(reasons) > 60


def test_both_languages_name_the_same_facts() -> None:
    for table in (REASONS, REMARKS):
        for code, text in table.items():
            french, english = (set(re.findall(r"{(\w+)}", each)) for each in (text.fr, text.en))
            assert english <= french, code
