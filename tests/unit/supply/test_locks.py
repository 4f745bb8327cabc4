"""The locks are whole, exact, hashed, and in step with what pyproject.toml asks for."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from supply import locks

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CLIENT = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]

FOR_THE_ARCHIVE = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *EXTRAS["local"],
    *CLIENT["build-system"]["requires"],
    *CLIENT["project"].get("dependencies", []),
]


@pytest.mark.parametrize("lock", [locks.RUNTIME, locks.WITH_TOOLS], ids=lambda lock: lock.name)
def test_every_locked_package_is_one_version_with_its_digests(lock: Path) -> None:
    entries = locks.read(lock)

    assert len(entries) > 70
    assert all(entry.version for entry in entries)
    assert [entry.name for entry in entries if not entry.hashes] == []


@pytest.mark.parametrize(
    ("lock", "asked"),
    [(locks.RUNTIME, FOR_THE_ARCHIVE), (locks.WITH_TOOLS, [*FOR_THE_ARCHIVE, *EXTRAS["dev"]])],
    ids=["requirements.lock", "requirements-dev.lock"],
)
def test_the_lock_has_what_pyproject_asks_for(lock: Path, asked: list[str]) -> None:
    locked = {entry.name: entry.version for entry in locks.read(lock)}
    requirements = [Requirement(line) for line in asked]

    unmet = [
        f"{requirement}: make lock"
        for requirement in requirements
        if locked.get(name := canonicalize_name(requirement.name)) is None
        or not requirement.specifier.contains(locked[name], prereleases=True)
    ]

    assert unmet == []


def test_contributors_run_the_versions_of_the_archive() -> None:
    archive = {entry.name: (entry.version, entry.hashes) for entry in locks.read(locks.RUNTIME)}
    contributors = {entry.name: (entry.version, entry.hashes) for entry in locks.read(locks.WITH_TOOLS)}

    assert archive.items() <= contributors.items()


def test_what_is_no_lock_is_refused(tmp_path: Path) -> None:
    loose = tmp_path / "loose.lock"

    loose.write_text("yarl>=1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="not one version"):
        _ = locks.read(loose)[0].version
    loose.write_text("../yarl\n", encoding="utf-8")
    with pytest.raises(InvalidRequirement):
        locks.read(loose)


def test_an_entry_gives_its_digests_and_where_it_is_wanted(tmp_path: Path) -> None:
    lock = tmp_path / "one.lock"
    hashes = [f"--hash=sha256:{letter * 64}" for letter in "ab"]
    entry_lines = " \\\n    ".join(("Some.Name==1.2 ; sys_platform == 'nowhere'", *hashes))
    lock.write_text(f"# made by make lock\n{entry_lines}\n", encoding="utf-8")

    (entry,) = locks.read(lock)

    assert (entry.name, entry.version, entry.wanted_here) == ("some-name", "1.2", False)
    assert entry.hashes == (f"sha256:{'a' * 64}", f"sha256:{'b' * 64}")
