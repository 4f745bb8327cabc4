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
FAULTS: Final[Mapping[str, tuple[str, int]]] = {
    "Fault": ("services/admin/", 1),
    "ProfileFault": ("", 0),
}
"""What becomes a problem of that status: under which folder, and which argument is its code; the French is next."""
BY_STATUS: Final = "_BY_STATUS"
COMPUTED: Final[Mapping[str, str]] = {
    "services/admin/problems.py:invalid": "the code of its only fault, which is read where the fault is made",
    "shared/problems.py:_http_error": "what is in its table, which is read here",
    "shared/calls.py:_passed_on": "what another room said",
    "services/admin/profile_trial.py:seda_versions": "what the trial found, which is read where the fault is made",
    "services/admin/problems.py:unusable_profile": "the code of its fault, which is read where the fault is made",
    "services/ingest/uploads/views.py:problem_of": "what was said when the upload was refused",
}
"""Functions whose code of a problem cannot be read from the source, and why nothing is missed."""

Nodes = Mapping[str, ast.expr]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Said:
    """One way to answer with a code: its French text and its further members as they stand in the source.

    `bound` is what expressions of them stand for: as the call that led to a maker has it (`made`), or a row of a
    table, or one side of a choice. `place` is the function, as `path:name`.
    """

    status: int
    code: str
    fr: ast.expr
    place: str
    extra: ast.expr | None = None
    headers: ast.expr | None = None
    bound: Nodes = field(default_factory=dict)
    made: bool = False


@dataclass(frozen=True, slots=True)
class _Call:
    """A call, with the path and function it stands in."""

    node: ast.Call
    path: str
    within: Function | None

    @property
    def place(self) -> str:
        return f"{self.path}:{self.within.name if self.within else ''}"


def problems_said() -> list[Said]:
    """Return every problem there is, by where it stands."""
    said = [*_problems(), *_faults(), *_by_status()]
    return sorted(said, key=lambda each: (each.code, each.status, each.place))


def unread_places() -> set[str]:
    """Return the functions whose codes cannot be read: those of `COMPUTED`, or somebody has to say why."""
    calls = [(call, 1) for call in _calls_of("Problem")] + _fault_calls()
    return {call.place for call, at in calls if not list(_bindings(call, at))}


def token_errors() -> dict[str, str]:
    """Return the errors of the token endpoint (RFC 6749 §5.2), each with the first description it is given with."""
    found: dict[str, str] = {}
    for call in _calls_of("TokenRefused"):
        code, description = (_constant(argument, {}) for argument in call.node.args[:2])
        found.setdefault(str(code), str(description))
    return found


def _problems() -> Iterator[Said]:
    for call in _calls_of("Problem"):
        for bound in _bindings(call, 1):
            status, code, fr = (_argument(call.node, at, name) for at, name in enumerate(("status", "code", "fr")))
            yield Said(
                int(str(_constant(status, bound))),
                str(_constant(code, bound)),
                fr or ast.Constant(""),
                call.place,
                _argument(call.node, 4, "extra"),
                _argument(call.node, 5, "headers"),
                bound,
                made=_is_told(call, code),
            )


def _faults() -> Iterator[Said]:
    for call, at in _fault_calls():
        for bound in _bindings(call, at):
            code, fr = call.node.args[at : at + 2]
            place = call.node.args[0] if at else ast.Constant("")
            errors = ast.Dict([ast.Constant("place"), ast.Constant("code")], [place, code])
            extra = ast.Dict([ast.Constant("errors")], [ast.List([errors])])
            yield Said(FAULTS_STATUS, str(_constant(code, bound)), fr, call.place, extra, bound=bound)


def _fault_calls() -> list[tuple[_Call, int]]:
    kinds = FAULTS.items()
    return [(call, at) for name, (top, at) in kinds for call in _calls_of(name) if call.path.startswith(top)]


def _bindings(call: _Call, at: int) -> Iterator[Nodes]:
    """Give each way in which the code of a call, its argument `at`, is a constant; none where it cannot be read."""
    code = _argument(call.node, at, "code")
    if isinstance(code, ast.Constant):
        yield {}
    elif (
        isinstance(code, ast.IfExp) and isinstance(code.body, ast.Constant) and isinstance(code.orelse, ast.Constant)
    ):
        yield from ({ast.unparse(code): side} for side in (code.body, code.orelse))
    elif isinstance(code, ast.Name) and call.within is not None:
        yield from _uses(call, call.within) if _is_told(call, code) else _rows(call, call.within, code.id)


def _uses(maker: _Call, within: Function) -> Iterator[Nodes]:
    parameters = [each.arg for each in within.args.args if each.arg != "self"]
    for use in _calls_of(within.name):
        given = dict(zip(parameters, use.node.args, strict=False))
        given |= {each.arg: each.value for each in use.node.keywords if each.arg}
        yield {name: _resolved(node, use.path, maker.path) for name, node in given.items()}


def _rows(call: _Call, within: Function, code: str) -> Iterator[Nodes]:
    """Give the rows of the table from which a function unpacks its code: ``code, fr, en = TABLE[...]``."""
    for line in ast.walk(within):
        match line:
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Subscript(value=ast.Name() as table)):
                unpacked = [getattr(name, "id", "") for name in names]
                rows = _resolved(table, call.path)
                if code in unpacked and isinstance(rows, ast.Dict):
                    told = (row.elts for row in rows.values if isinstance(row, ast.Tuple))
                    yield from (dict(zip(unpacked, row, strict=True)) for row in told)


def _is_told(call: _Call, code: ast.expr | None) -> bool:
    parameters = set() if call.within is None else {each.arg for each in call.within.args.args}
    return isinstance(code, ast.Name) and code.id in parameters


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


def _constant(node: ast.expr | None, bound: Nodes) -> object:
    followed = bound.get(ast.unparse(node), node) if node else None
    assert isinstance(followed, ast.Constant), node and ast.unparse(node)  # noqa: S101 (see `_bindings`)
    return followed.value


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


def _calls_in(node: ast.AST, path: str, within: Function | None) -> Iterator[_Call]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield _Call(child, path, within)
        inside = child if isinstance(child, Function) else within
        yield from _calls_in(child, path, inside)


@cache
def _module(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))
