"""A licence that nobody allowed is refused, and so is an excuse that excuses nothing."""

from pathlib import Path

import pytest

from supply.licences import Allowed, Package, allowed, faults, installed, is_permissive, missing, notices
from supply.locks import RUNTIME, read

RULES = Allowed(
    permissive=frozenset({"MIT", "Apache-2.0"}),
    spellings={"MIT License": "MIT", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0"},
    archive={"authorities": "MPL-2.0"},
    tools={"linter": "GPL-3.0"},
)
AUTHORITIES = Package("authorities", "1", "Mozilla Public License 2.0 (MPL 2.0)")
LINTER = Package("linter", "2", "GPL-3.0")
RUNTIME_NAMES = frozenset({"authorities", "driver"})


@pytest.mark.parametrize(
    ("licence", "permitted"),
    [
        ("MIT", True),
        ("MIT License", True),
        ("MIT License; Apache-2.0", True),
        ("MIT AND GPL-3.0", False),
        ("MIT; GPL-3.0", False),
        ("GPL-3.0 OR MIT", True),
        ("MIT AND GPL-3.0 OR Apache-2.0", True),
        ("(MIT)", False),
        ("UNKNOWN", False),
        ("", False),
    ],
)
def test_terms_are_read_as_their_author_joined_them(licence: str, permitted: bool) -> None:
    assert is_permissive(licence, RULES) is permitted


def test_what_is_permissive_or_excused_may_stay() -> None:
    packages = [AUTHORITIES, LINTER, Package("driver", "3", "MIT")]

    assert faults(packages, RUNTIME_NAMES, RULES) == []


def test_a_licence_that_nobody_allowed_is_named() -> None:
    packages = [AUTHORITIES, LINTER, Package("driver", "3", "AGPL-3.0")]

    assert faults(packages, RUNTIME_NAMES, RULES) == ["driver 3: AGPL-3.0 is not allowed in [archive]."]


def test_what_a_tool_may_be_a_part_of_the_archive_may_not() -> None:
    found = faults([AUTHORITIES, LINTER], RUNTIME_NAMES | {"linter"}, RULES)

    assert found[0] == "linter 2: GPL-3.0 is not allowed in [archive]."


def test_an_excuse_holds_for_the_licence_it_was_given_for() -> None:
    found = faults([AUTHORITIES, Package("linter", "3", "AGPL-3.0")], RUNTIME_NAMES, RULES)

    assert found[0] == "linter 3: AGPL-3.0 is not allowed in [tools]."


def test_an_excuse_for_nothing_is_taken_away() -> None:
    packages = [AUTHORITIES, Package("linter", "3", "MIT")]

    assert faults(packages, RUNTIME_NAMES, RULES) == [
        "linter: its line in licences.toml excuses nothing that is installed."
    ]


def test_a_reason_is_due(tmp_path: Path) -> None:
    source = tmp_path / "licences.toml"
    source.write_text(
        '[permissive]\nMIT = " "\n[spellings]\n[archive]\n[tools]\nlinter = { licence = "GPL-3.0", reason = "" }\n',
        encoding="utf-8",
    )

    with pytest.raises(ValueError, match=r"MIT, linter"):
        allowed(source)


def test_our_own_list_can_be_read() -> None:
    assert {"MIT", "Apache-2.0"} <= allowed().permissive


def test_notices_carry_terms_and_texts() -> None:
    written = notices([Package("driver", "3", "MIT", "https://driver.example", "Be kind."), LINTER])

    assert "driver 3\nMIT\nhttps://driver.example\n\nBe kind.\n" in written
    assert "linter 2\nGPL-3.0\n(no address)\n\n(The package carries no text.)\n" in written


def test_what_is_installed_says_its_licence() -> None:
    packages = {package.name: package for package in installed()}

    assert packages["fastapi"].licence == "MIT"
    assert "Permission is hereby granted" in packages["fastapi"].text
    assert "chartrier" not in packages


def test_a_locked_package_that_is_not_installed_is_named() -> None:
    (first, *_) = read(RUNTIME)

    assert missing([], [first]) == [f"{first.name} is locked and not installed: make setup."]
    assert missing([Package(first.name, first.version, "MIT")], [first]) == []
