"""The documents say what the code does: topics, settings, links, and every file and function they name."""

import ast
import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

import shared.messages
from chartrier_client.settings import VARIABLES
from shared.messages.journal import JournalLinesV1
from shared.messages.message import Message
from shared.messages.routes import ROUTES
from shared.rooms import ROOMS

ROOT = Path(__file__).parents[2]
PREFIX = "CHARTRIER_"
NOBODY = "nobody yet"

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_VARIABLE = re.compile(rf"\b{PREFIX}[A-Z][A-Z0-9_]*[A-Z0-9]\b")
_PLACE = re.compile(r"((?:services|shared|client|tests|docs|bench|trials)/[\w./-]+)(?::([\w.]+))?")

# The story of the schemas and corpora that only tests read.
_TEST_VARIABLES = ("tests/corpus_location.py",)


def documents() -> list[Path]:
    tops = [ROOT / "docs", ROOT / "client"]
    found = [*ROOT.glob("*.md"), *(path for top in tops for path in top.rglob("*.md"))]
    return sorted(path.relative_to(ROOT) for path in found)


def text_of(document: Path | str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


@cache
def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def modules_of(room: str) -> list[Path]:
    return sorted((ROOT / "services" / room).rglob("*.py"))


# --- Topics -------------------------------------------------------------------------------------------------------


def declared() -> dict[str, str]:
    """Class name → topic of every message."""
    for module in pkgutil.iter_modules(shared.messages.__path__):
        importlib.import_module(f"shared.messages.{module.name}")
    return {message.__name__: message.topic for message in Message.__subclasses__()}


def said() -> dict[str, set[str]]:
    """Topic → rooms whose code makes such a message; a room that journals says `journal.lines` by it."""
    topics = declared()
    senders: dict[str, set[str]] = defaultdict(set)
    for room in ROOMS:
        for call in calls_of(modules_of(room)):
            if isinstance(call.func, ast.Name) and call.func.id in topics:
                senders[topics[call.func.id]].add(room)
            if isinstance(call.func, ast.Attribute) and call.func.attr == "journal":
                senders[JournalLinesV1.topic].add(room)
    return senders


def heard() -> dict[str, set[str]]:
    """Topic → queues, as each room's wiring makes its consumers."""
    topics = declared()
    queues: dict[str, set[str]] = defaultdict(set)
    for room in ROOMS:
        for call in calls_of([ROOT / "services" / room / "wiring.py"]):
            if isinstance(call.func, ast.Name) and call.func.id == "Consumer":
                for topic in topics_of(call, topics):
                    queues[topic].add(queue_of(call, room))
    return queues


def calls_of(modules: list[Path]) -> Iterator[ast.Call]:
    for module in modules:
        yield from (node for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call))


def topics_of(consumer: ast.Call, topics: dict[str, str]) -> list[str]:
    handlers = consumer.args[2]
    assert isinstance(handlers, ast.Dict), "wiring.py writes out what each queue hears"
    names = [key.id for key in handlers.keys if isinstance(key, ast.Name)]
    assert len(names) == len(handlers.keys)
    return [topics[name] for name in names]


def queue_of(consumer: ast.Call, room: str) -> str:
    name = consumer.args[0]
    if isinstance(name, ast.Constant):
        return str(name.value)
    last = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
    for module in modules_of(room):
        for node in tree_of(module).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and last in named_by(node):
                return str(node.value.value)
    raise AssertionError(f"{room}: the queue {last} is named nowhere")


def table() -> dict[str, tuple[set[str], set[str]]]:
    """Topic → senders and queues, as docs/architecture.md says."""
    rows = {}
    for line in text_of("docs/architecture.md").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and re.fullmatch(r"`[a-z_]+(\.[a-z_]+)+\.v\d+`", cells[0]):
            rows[cells[0].strip("`")] = (listed(cells[1]), listed(cells[2]))
    return rows


def listed(cell: str) -> set[str]:
    return set() if cell == NOBODY else {word.strip(" `") for word in cell.split(",")}


def test_the_table_of_topics_is_what_the_rooms_say_and_hear() -> None:
    senders, queues = said(), heard()

    assert table() == {topic: (senders[topic], queues[topic]) for topic in declared().values()}


def test_nobody_waits_for_what_nobody_says() -> None:
    assert heard().keys() <= {topic for topic, rooms in said().items() if rooms}


def test_the_routes_are_what_the_rooms_hear() -> None:
    routes = {(queue, topic) for queue, topics in ROUTES.items() for topic in topics}

    assert routes == {(queue, topic) for topic, queues in heard().items() for queue in queues}


def test_a_queue_is_named_after_its_room() -> None:
    assert {queue.partition(".")[0] for queue in ROUTES} <= set(ROOMS)


# --- Settings -----------------------------------------------------------------------------------------------------


def settings_classes() -> Iterator[type[BaseSettings]]:
    """Every class that reads the environment, found in whatever module defines one."""
    for top in ("services", "shared"):
        for module in sorted((ROOT / top).rglob("*.py")):
            classes = [node for node in tree_of(module).body if isinstance(node, ast.ClassDef)]
            names = [node.name for node in classes if reads_the_environment(node)]
            if names:
                path = module.relative_to(ROOT).with_suffix("")
                loaded = importlib.import_module(".".join(path.parts))
                yield from (getattr(loaded, name) for name in names)


def reads_the_environment(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "BaseSettings" for base in node.bases)


def settable() -> set[str]:
    rooms = {PREFIX + name.upper() for settings in settings_classes() for name in settings.model_fields}
    return rooms | set(VARIABLES.values())


def of_tests() -> set[str]:
    return {name for path in _TEST_VARIABLES for name in _VARIABLE.findall(text_of(path))}


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    assert set(_VARIABLE.findall(text_of("docs/settings.md"))) == settable() | of_tests()


def test_the_numbers_documented_as_defaults_are_the_defaults() -> None:
    documented = dict(re.findall(r"^\| `(CHARTRIER_\w+)` \| `(\d+)` \|", text_of("docs/settings.md"), re.MULTILINE))
    defaults = {
        PREFIX + name.upper(): str(field.default)
        for settings in settings_classes()
        for name, field in settings.model_fields.items()
    }

    assert len(documented) >= 8
    assert documented == {name: defaults[name] for name in documented}


@pytest.mark.parametrize("document", documents(), ids=str)
def test_a_document_names_no_setting_that_does_not_exist(document: Path) -> None:
    assert set(_VARIABLE.findall(text_of(document))) <= settable() | of_tests()


# --- Links and names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", documents(), ids=str)
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = []
    for target in _LINK.findall(_FENCE.sub("", text_of(document))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (ROOT / document).parent / name if name else ROOT / document
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)

    assert broken == []


def anchors(document: Path) -> set[str]:
    """The names that a reader's browser gives to headings."""
    headings = re.findall(r"^#+ +(.+)$", _FENCE.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", documents(), ids=str)
def test_every_file_and_name_a_document_cites_is_there(document: Path) -> None:
    absent = []
    for code in _CODE.findall(_FENCE.sub("", text_of(document))):
        cited = _PLACE.fullmatch(code)
        if cited is None:
            continue
        path, name = ROOT / cited[1], cited[2]
        if not path.exists() or (name and name not in names_in(path)):
            absent.append(code)

    assert absent == []


@cache
def names_in(module: Path) -> set[str]:
    """What a module defines: functions, classes, methods as `Class.method`, and constants."""
    names: set[str] = set()
    for node in tree_of(module).body:
        if isinstance(node, ast.ClassDef):
            functions = (ast.FunctionDef, ast.AsyncFunctionDef)
            names |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, functions)}
        names |= named_by(node)
    return names


def named_by(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    return set()
