"""The client stands alone: what it imports is Python's, httpx and lxml."""

import ast
import sys
import tomllib
from pathlib import Path

import chartrier_client

PACKAGE = Path(chartrier_client.__file__).parent
ALLOWED = {*sys.stdlib_module_names, "httpx", "lxml", "chartrier_client"}


def imported(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_it_imports_nothing_but_what_it_declares() -> None:
    assert set().union(*map(imported, PACKAGE.rglob("*.py"))) <= ALLOWED

    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {dependency.partition(">")[0] for dependency in project["dependencies"]} == {"httpx", "lxml"}


def test_it_is_typed_and_exports_what_it_names() -> None:
    assert (PACKAGE / "py.typed").exists()
    assert all(hasattr(chartrier_client, name) for name in chartrier_client.__all__)
