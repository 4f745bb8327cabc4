"""The client stands alone: what it imports is Python's, httpx and lxml; what verifies has an extra of its own."""

import ast
import sys
import tomllib
from pathlib import Path

import chartrier_client

PACKAGE = Path(chartrier_client.__file__).parent
ALLOWED = {*sys.stdlib_module_names, "httpx", "lxml", "chartrier_client"}
# pyHanko brings its own validator of certificate paths.
EXTRA = {"asn1crypto", "cryptography", "pyhanko", "pyhanko_certvalidator"}
VERIFYING = PACKAGE / "verifying"
WORDS = {VERIFYING / name for name in ("checks.py", "texts.py", "reasons.py")}
"""What the command needs to know before it knows whether the extra is there."""


def imported(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_it_imports_nothing_but_what_it_declares() -> None:
    modules = set(PACKAGE.rglob("*.py"))
    verifying = set(VERIFYING.glob("*.py")) - WORDS

    assert set().union(*map(imported, modules - verifying)) <= ALLOWED
    assert set().union(*map(imported, verifying)) <= ALLOWED | EXTRA
    assert "httpx" not in set().union(*map(imported, verifying))
    assert [module.name for module in verifying if {"pyhanko"} <= imported(module)] == ["pades.py"]

    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {dependency.partition(">")[0] for dependency in project["dependencies"]} == {"httpx", "lxml"}
    extra = {dependency.partition(">")[0] for dependency in project["optional-dependencies"]["verify"]}
    assert extra == {"asn1crypto", "cryptography", "pyhanko"}


def test_nothing_but_the_command_asks_for_the_extra() -> None:
    """And that only once it is told to verify."""
    command = PACKAGE / "cli" / "verifying.py"
    modules = set(PACKAGE.rglob("*.py")) - set(VERIFYING.glob("*.py")) - {command}

    assert [module for module in modules if "chartrier_client.verifying" in module.read_text("utf-8")] == []
    at_once = [node for node in ast.parse(command.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)]
    asked = {node.module for node in at_once if node.module and node.module.startswith("chartrier_client.verifying")}
    assert asked == {"chartrier_client.verifying.checks", "chartrier_client.verifying.texts"}


def test_it_is_typed_and_exports_what_it_names() -> None:
    assert (PACKAGE / "py.typed").exists()
    assert all(hasattr(chartrier_client, name) for name in chartrier_client.__all__)
