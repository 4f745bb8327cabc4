"""The very answer that a room gives, as it goes over the wire: its texts from the source, values where they vary."""

import ast
import json
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from services.problems_catalogue.reading import Said
from shared.problems import Problem, answer

NOTHING = ast.Dict([], [])


class ValueMissing(Exception):
    """The example of a code needs a value for an expression of the source."""

    def __init__(self, code: str, expression: str) -> None:
        super().__init__(f"entries.toml: [{code}] needs a value for {expression!r}")


def example_of(said: Said, values: Mapping[str, Any]) -> str:
    """Return an answer in French, its headers before its body; raises `ValueMissing`."""
    problem = _called(said) or _written(said, values)
    body = json.loads(bytes(answer(problem, "fr").body))
    lines = [
        f"HTTP/1.1 {problem.status} {body['title']}",
        "Content-Type: application/problem+json",
        *(f"{name}: {value}" for name, value in problem.headers.items()),
        "",
        json.dumps(body, ensure_ascii=False, indent=2),
    ]
    return "\n".join(lines)


def _called(said: Said) -> Problem | None:
    """Ask the very function, where the source shows all that it is told."""
    name = said.place.partition(":")[2]
    told = [node.value for node in said.bound.values() if isinstance(node, ast.Constant)]
    if not said.made or name.startswith("_") or len(told) < len(said.bound):
        return None
    problem = getattr(_module_of(said), name)(*told)
    return problem if isinstance(problem, Problem) else None


def _written(said: Said, values: Mapping[str, Any]) -> Problem:
    told = {name: node.value for name, node in said.bound.items() if isinstance(node, ast.Constant)}
    constants = {name: value for name, value in vars(_module_of(said)).items() if name.isupper()}
    known = {**constants, **values, **told}
    try:
        text, extra, headers = (_value(node or NOTHING, known) for node in (said.fr, said.extra, said.headers))
    except KeyError as error:
        raise ValueMissing(said.code, error.args[0]) from error
    return Problem(said.status, said.code, text, "", extra, headers)


def _module_of(said: Said) -> ModuleType:
    path = said.place.partition(":")[0]
    return import_module(path.removesuffix(".py").replace("/", "."))


def _value(node: ast.expr | None, known: Mapping[str, Any]) -> Any:  # noqa: ANN401 (whatever JSON holds)
    match node:
        case ast.Constant():
            return node.value
        case ast.JoinedStr():
            parts = (part.value if isinstance(part, ast.FormattedValue) else part for part in node.values)
            return "".join(str(_value(part, known)) for part in parts)
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return {_value(key, known): _value(value, known) for key, value in pairs}
        case ast.List():
            return [_value(element, known) for element in node.elts]
    return known[ast.unparse(node) if node else ""]
