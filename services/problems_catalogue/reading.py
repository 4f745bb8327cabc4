"""What the rooms say when they refuse, read from their source: nothing is written twice, and nothing is forgotten.

Found are the calls of `Problem`, wherever they stand; those of `Fault`, each a problem of admin when it is alone; and
what the framework refuses by itself (`shared/problems.py:_BY_STATUS`). A function that is told the code of its
`Problem` (a maker) is followed to its callers.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FAULTS_STATUS: Final = 422
BY_STATUS: Final = "_BY_STATUS"
COMPUTED: Final[Mapping[str, str]] = {
    "services/admin/problems.py:invalid": "the code of its only fault, which is read where the fault is made",
    "shared/problems.py:_http_error": "what is in its table, which is read here",
    "shared/calls.py:_passed_on": "what another room said",
}
"""Functions whose code of a problem cannot be read from the source, and why nothing is missed."""

Nodes = Mapping[str, ast.expr]


@dataclass(frozen=True, slots=True)
class Said:
    """One way to answer with a code: its French text and its further members as they stand in the source.

    `bound` are the arguments of the call that led to a maker. `place` is the function, as `path:name`.
    """

    status: int
    code: str
    fr: ast.expr
    place: str
    extra: ast.expr | None = None
    headers: ast.expr | None = None
    bound: Nodes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Call:
    """A call, with the path and function it stands in."""

    node: ast.Call
    path: str
    within: ast.FunctionDef | ast.AsyncFunctionDef | None

    @property
    def place(self) -> str:
        return f"{self.path}:{self.within.name if self.within else ''}"


def problems_said() -> list[Said]:
    """Return every problem there is, by where it stands."""
    said = [*_literal(), *_made(), *_faults(), *_by_status()]
    return sorted(said, key=lambda each: (each.code, each.status, each.place))


def unread_places() -> set[str]:
    """Return the functions whose problems cannot be read: those of `COMPUTED`, or somebody has to say why."""
    return {
        call.place
        for call in _calls_of("Problem")
        if not isinstance(_argument(call.node, 1, "code"), ast.Constant) and _code_parameter(call) is None
    }


def token_errors() -> dict[str, str]:
    """Return the errors of the token endpoint (RFC 6749 §5.2), each with the first description it is given with."""
    found: dict[str, str] = {}
    for call in _calls_of("TokenRefused"):
        code, description = (_constant(argument) for argument in call.node.args[:2])
        found.setdefault(str(code), str(description))
    return found


def _literal() -> Iterator[Said]:
    for call in _calls_of("Problem"):
        if isinstance(_argument(call.node, 1, "code"), ast.Constant):
            yield _said(call, {})


def _made() -> Iterator[Said]:
    for maker in _calls_of("Problem"):
        if _code_parameter(maker) is None or maker.within is None:
            continue
        parameters = [each.arg for each in maker.within.args.args if each.arg != "self"]
        for use in _calls_of(maker.within.name):
            given = dict(zip(parameters, use.node.args, strict=False))
            given |= {each.arg: each.value for each in use.node.keywords if each.arg}
            yield _said(maker, {name: _resolved(node, use.path, maker.path) for name, node in given.items()})


def _faults() -> Iterator[Said]:
    for call in _calls_of("Fault"):
        if call.path.startswith("services/admin/") and len(call.node.args) >= 3:
            place, code, fr = call.node.args[:3]
            errors = ast.Dict([ast.Constant("place"), ast.Constant("code")], [place, code])
            extra = ast.Dict([ast.Constant("errors")], [ast.List([errors])])
            yield Said(FAULTS_STATUS, str(_constant(code)), fr, call.place, extra)


def _by_status() -> Iterator[Said]:
    path = "shared/problems.py"
    for node in _module(path).body:
        if isinstance(node, ast.Assign) and BY_STATUS in {getattr(target, "id", "") for target in node.targets}:
            assert isinstance(node.value, ast.Dict)  # noqa: S101 (it is written there)
            for key, told in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(told, ast.Tuple):
                    code, fr, _ = told.elts
                    if isinstance(code, ast.Constant):
                        yield Said(int(str(key.value)), str(code.value), fr, f"{path}:{BY_STATUS}")


def _said(call: _Call, bound: Nodes) -> Said:
    status, code, fr = (_argument(call.node, at, name) for at, name in enumerate(("status", "code", "fr")))
    assert status is not None and code is not None and fr is not None, call.place  # noqa: S101, PT018 (they are required)
    return Said(
        int(str(_constant(_followed(status, bound)))),
        str(_constant(_followed(code, bound))),
        fr,
        call.place,
        _argument(call.node, 4, "extra"),
        _argument(call.node, 5, "headers"),
        bound,
    )


def _code_parameter(call: _Call) -> str | None:
    """Return the name of the parameter that a maker is told its code by."""
    code = _argument(call.node, 1, "code")
    if call.within is None or not isinstance(code, ast.Name):
        return None
    return code.id if code.id in {each.arg for each in call.within.args.args} else None


def _followed(node: ast.expr, bound: Nodes) -> ast.expr:
    return bound.get(node.id, node) if isinstance(node, ast.Name) else node


def _resolved(node: ast.expr, *paths: str) -> ast.expr:
    """Return the constant that a name stands for in one of these modules, or the node itself."""
    if isinstance(node, ast.Name):
        for path in paths:
            for line in _module(path).body:
                if isinstance(line, ast.Assign) and node.id in {getattr(target, "id", "") for target in line.targets}:
                    return line.value
    return node


def _argument(call: ast.Call, at: int, name: str) -> ast.expr | None:
    if len(call.args) > at:
        return call.args[at]
    return next((each.value for each in call.keywords if each.arg == name), None)


def _constant(node: ast.expr) -> object:
    assert isinstance(node, ast.Constant), ast.unparse(node)  # noqa: S101 (a code that cannot be read: see `COMPUTED`)
    return node.value


def _calls_of(name: str) -> list[_Call]:
    return [
        call for call in _calls() if name in {getattr(call.node.func, "id", ""), getattr(call.node.func, "attr", "")}
    ]


@cache
def _calls() -> tuple[_Call, ...]:
    paths = (path for top in ("services", "shared") for path in sorted((ROOT / top).rglob("*.py")))
    # All but this reader itself.
    names = (str(path.relative_to(ROOT)) for path in paths if path.parent != Path(__file__).parent)
    return tuple(call for name in names for call in _calls_in(_module(name), name, None))


def _calls_in(node: ast.AST, path: str, within: ast.FunctionDef | ast.AsyncFunctionDef | None) -> Iterator[_Call]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield _Call(child, path, within)
        inside = child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else within
        yield from _calls_in(child, path, inside)


@cache
def _module(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))
