"""Folders to package, and metadata files about them."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from chartrier_client import Envelope

LONG_AGO = datetime(2026, 1, 15, 10, tzinfo=UTC)


def an_envelope(identifier: str = "MSG-1") -> Envelope:
    return Envelope(identifier, "ARCHIVES", "MAIRIE", agreement="ACCORD", date=LONG_AGO)


def a_folder(place: Path, *paths: str) -> Path:
    """Make files with their path as content; a path that ends with a slash is an empty folder."""
    folder = place / "Dossier"
    folder.mkdir(exist_ok=True)
    for path in paths:
        target = folder / path
        if path.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path, encoding="utf-8")
    return folder


def a_csv(place: Path, text: str, encoding: str = "utf-8") -> Path:
    path = place / "metadata.csv"
    path.write_bytes(text.encode(encoding))
    return path


def manifest_of(path: Path) -> etree._Element:
    with zipfile.ZipFile(path) as package:
        return etree.fromstring(package.read("manifest.xml"))


def texts(manifest: etree._Element, name: str) -> list[str | None]:
    return [element.text for element in manifest.iter(f"{{*}}{name}")]
