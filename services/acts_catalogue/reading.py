"""Which acts the rooms write, read from their source: the action of every journal line, wherever it is given.

A line is made by `JournalLineV1(action=…)`. A function that is told the action (its parameter is named so) is a
maker, and is followed to its callers. An action may be a text, a choice of two, a constant, a local name that is one
of these, or a text with a part that is computed: then it is a pattern, with ``*`` for that part.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
LINE: Final = "JournalLineV1"
ACTION: Final = "action"
ANY: Final = "*"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Written:
    """An act as the source has it: a text, or a pattern; `place` is ``path:function``."""

    action: str
    place: str


@dataclass(frozen=True, slots=True)
class _Call:
    node: ast.Call
    path: str
    within: Function | None

    @property
    def place(self) -> str:
        return f"{self.path}:{self.within.name if self.within else ''}"


def acts_written() -> list[Written]:
    """Return every act that the source writes, by action and place. See `unread_places` for what cannot be read."""
    found = {Written(action, call.place) for call, given in _given() for action in _actions(call, given)}
    return sorted(found, key=lambda each: (each.action, each.place))


def unread_places() -> set[str]:
    """Return the functions that give a line an action which cannot be read from the source."""
    return {call.place for call, given in _given() if not _is_told(call, given) and not _actions(call, given)}


def _given() -> Iterator[tuple[_Call, ast.expr]]:
    """Give each call of a line or of a maker, with what it gives as the action."""
    makers = _makers()
    for call in _calls():
        for path, function in makers.get(_name(call.node.func), ()):
            if function is not None and not _reaches(call, path, function):
                continue
            given = _argument(call.node, [] if function is None else [each.arg for each in function.args.args])
            if given is not None:
                yield call, given


def _makers() -> Mapping[str, list[tuple[str, Function | None]]]:
    found: dict[str, list[tuple[str, Function | None]]] = {LINE: [("", None)]}
    for path in _paths():
        for node in ast.walk(_module(path)):
            if isinstance(node, Function) and ACTION in {each.arg for each in node.args.args}:
                found.setdefault(node.name, []).append((path, node))
    return found


def _reaches(call: _Call, path: str, function: Function) -> bool:
    """Say whether a name in a module is that function: defined there, imported from there, or a method."""
    if call.path == path or "self" in {each.arg for each in function.args.args}:
        return True
    return _imports(call.path).get(function.name) == path


def _argument(node: ast.Call, parameters: Sequence[str]) -> ast.expr | None:
    for keyword in node.keywords:
        if keyword.arg == ACTION:
            return keyword.value
    names = [name for name in parameters if name != "self"]
    at = names.index(ACTION) if ACTION in names else len(node.args)
    return node.args[at] if at < len(node.args) else None


def _is_told(call: _Call, given: ast.expr) -> bool:
    return isinstance(given, ast.Name) and given.id == ACTION and call.within is not None


def _actions(call: _Call, given: ast.expr) -> list[str]:
    if isinstance(given, ast.Constant):
        return [str(given.value)]
    if isinstance(given, ast.IfExp):
        return [*_actions(call, given.body), *_actions(call, given.orelse)]
    if isinstance(given, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else ANY for part in given.values)
        return ["".join(parts)]
    if isinstance(given, ast.Name) and not _is_told(call, given):
        return [action for value in _values(call, given.id) for action in _actions(call, value)]
    return []


def _values(call: _Call, name: str) -> list[ast.expr]:
    """Return what a name stands for: in its function, in its module, or where the module has it from."""
    within = [] if call.within is None else _assigned(call.within, name)
    return within or _assigned(_module(call.path), name) or _imported(call.path, name)


def _imported(path: str, name: str) -> list[ast.expr]:
    origin = _imports(path).get(name, "")
    return _assigned(_module(origin), name) if origin in _paths() else []


def _assigned(node: ast.AST, name: str) -> list[ast.expr]:
    return [
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Assign) and name in {getattr(target, "id", "") for target in each.targets}
    ]


def _name(node: ast.expr) -> str:
    return getattr(node, "id", "") or getattr(node, "attr", "")


@cache
def _imports(path: str) -> Mapping[str, str]:
    """Return name → the file that a module has it from."""
    found = (node for node in ast.walk(_module(path)) if isinstance(node, ast.ImportFrom) and node.module)
    return {one.name: f"{str(node.module).replace('.', '/')}.py" for node in found for one in node.names}


@cache
def _paths() -> tuple[str, ...]:
    found = (path for top in ("services", "shared") for path in sorted((ROOT / top).rglob("*.py")))
    # All but the register itself.
    return tuple(str(path.relative_to(ROOT)) for path in found if path.parent != Path(__file__).parent)


@cache
def _calls() -> tuple[_Call, ...]:
    return tuple(call for path in _paths() for call in _calls_in(_module(path), path, None))


def _calls_in(node: ast.AST, path: str, within: Function | None) -> Iterator[_Call]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield _Call(child, path, within)
        yield from _calls_in(child, path, child if isinstance(child, Function) else within)


@cache
def _module(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))
