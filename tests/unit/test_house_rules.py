"""The house rules that no linter knows: modules stay short, drawers have names, no path of one machine."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("services", "shared", "client", "bench", "supply", "trials")
EVERYWHERE = (*CODE, "tests", "docs", ".ci")

LONGEST_MODULE = 300
# A suite that every implementation of a port passes reads better whole.
LONGEST_TEST = 400

# Each of these says nothing of what is inside: what has no better name has no business there.
NAMELESS = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "types"})

TEXT = frozenset({".py", ".md", ".toml", ".txt", ".json", ".ndjson", ".xsd", ".csv", ".yaml", ".yml", ""})
OF_ONE_MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/")


def files(tops: tuple[str, ...]) -> Iterator[Path]:
    for top in tops:
        for path in sorted((ROOT / top).rglob("*")):
            inside = path.relative_to(ROOT)
            if path.is_file() and "__pycache__" not in inside.parts and not path.suffix.endswith("info"):
                yield inside


def modules(tops: tuple[str, ...]) -> list[Path]:
    return [path for path in files(tops) if path.suffix == ".py"]


def length(module: Path) -> int:
    return len((ROOT / module).read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(("tops", "longest"), [(CODE, LONGEST_MODULE), (("tests",), LONGEST_TEST)])
def test_a_module_is_read_in_one_sitting(tops: tuple[str, ...], longest: int) -> None:
    # All in one test: there are hundreds of modules, and to tell of a test costs more than to read one.
    lengths = {module: length(module) for module in modules(tops)}

    assert lengths
    assert {module: lines for module, lines in lengths.items() if lines > longest} == {}


def test_a_name_says_what_is_inside() -> None:
    nameless = [
        module
        for module in modules((*CODE, "tests"))
        if {word for part in module.with_suffix("").parts for word in part.split("_")} & NAMELESS
    ]

    assert nameless == []


def test_no_file_names_a_place_of_one_machine() -> None:
    at_the_top = [path.relative_to(ROOT) for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    texts = [path for path in (*files(EVERYWHERE), *at_the_top) if path.suffix in TEXT]

    found = [
        f"{path}: {match[0]}"
        for path in texts
        for match in OF_ONE_MACHINE.finditer((ROOT / path).read_text(encoding="utf-8", errors="replace"))
    ]

    assert found == []


def test_the_rules_do_see_faults() -> None:
    assert OF_ONE_MACHINE.search("open('/" + "work/main/x')")
    assert OF_ONE_MACHINE.search("see /" + "home/ana/notes")
    assert not OF_ONE_MACHINE.search("https://example.org/" + "work/main/")
