"""Folders as somebody filed them: each a unit of level File, its papers items; nothing is left out in silence."""

from collections.abc import Iterator
from pathlib import Path

from chartrier_client.description import Level, SourceFile, Unit
from chartrier_client.folders import JUNK
from chartrier_client.language import Text
from chartrier_client.municipal.refusal import FlowError, refuse
from chartrier_client.sip import SipBuilder


def surveyed(folder: Path) -> tuple[str, ...]:
    """Walk a whole folder before any of it is packaged; returns the paths in it of what is `JUNK`, by name.

    Raises `FlowError` for what is no folder, for one without anything to archive, and, all at once, for the links
    and devices in it.
    """
    if not folder.is_dir():
        raise FlowError(str(folder), [Text("ce n'est pas un dossier", "it is not a folder")])
    found = sorted((entry.relative_to(folder).as_posix(), entry) for entry in _walk(folder))
    refuse(str(folder), [_oddity(path) for path, entry in found if not _is_junk(entry) and _is_odd(entry)])
    if not holds_a_file(folder):
        raise FlowError(str(folder), [Text("ce dossier est vide", "this folder is empty")])
    return tuple(path for path, entry in found if _is_junk(entry))


def entries_in(folder: Path) -> list[Path]:
    """Return the files and folders right below a folder that was surveyed, by name, without `JUNK`."""
    return [entry for entry in sorted(folder.iterdir()) if not _is_junk(entry)]


def holds_a_file(folder: Path) -> bool:
    """Tell whether there is a file to archive at any depth."""
    return any(entry.is_file() or holds_a_file(entry) for entry in entries_in(folder))


def add_entries(builder: SipBuilder, unit: str, folder: Path) -> None:
    """Hang all that lies in a folder below a unit; a folder without any file is nothing to archive."""
    for entry in entries_in(folder):
        if entry.is_file():
            item = builder.add_unit(Unit(entry.name, Level.ITEM), unit)
            builder.add_file(item, SourceFile(entry.name, entry))
        elif holds_a_file(entry):
            add_entries(builder, builder.add_unit(Unit(entry.name, Level.FILE), unit), entry)


def _walk(folder: Path) -> Iterator[Path]:
    """Give all that lies in a folder, links and junk included, but nothing behind them."""
    for entry in folder.iterdir():
        yield entry
        if entry.is_dir() and not (entry.is_symlink() or _is_junk(entry)):
            yield from _walk(entry)


def _is_junk(entry: Path) -> bool:
    return JUNK.fullmatch(entry.name) is not None


def _is_odd(entry: Path) -> bool:
    return entry.is_symlink() or not (entry.is_dir() or entry.is_file())


def _oddity(path: str) -> Text:
    return Text(
        f"{path} n'est ni un fichier ni un dossier : retirez-le, ou copiez ce qu'il désigne",
        f"{path} is neither a file nor a folder: take it out, or copy what it names",
    )
