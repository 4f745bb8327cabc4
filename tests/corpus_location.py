"""Where the public material we may read but not carry lies: the official schemas, and real SEDA packages."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[2] / "shared"


def official_xsd_dir() -> Path:
    """The folder of the official SEDA schemas (`2.0/` to `2.3/`, `w3c/`); the test is skipped without it."""
    return _folder("CHARTRIER_OFFICIAL_XSD", _BESIDE / "seda-xsd", "the official SEDA schemas are")


def find_official_xsd() -> Path | None:
    """The same, or None where there is none."""
    folder = _named("CHARTRIER_OFFICIAL_XSD") or _BESIDE / "seda-xsd"
    return folder if folder.is_dir() else None


def corpus_dir() -> Path:
    """The folder of the real SEDA packages (`expected.csv`); the test is skipped without it."""
    return _folder("CHARTRIER_CORPUS", _BESIDE / "corpus" / "seda", "the corpus of real SEDA packages is")


def _folder(variable: str, beside: Path, what: str) -> Path:
    named = _named(variable)
    folder = named or beside
    if not folder.is_dir():
        if named:
            pytest.fail(f"{variable} names {folder}, which is not a folder")
        pytest.skip(f"{what} absent: set {variable} to its folder to run this test")
    return folder


def _named(variable: str) -> Path | None:
    # The tests have no settings.py: this is the one place where they ask the environment.
    named = os.environ.get(variable)  # noqa: TID251
    return Path(named) if named else None
