"""Folders as somebody filed them: each a unit of level File, its papers items; nothing is left out in silence."""

from pathlib import Path

from chartrier_client.description import Level, SourceFile, Unit
from chartrier_client.language import Text
from chartrier_client.municipal.refusal import FlowError
from chartrier_client.sip import SipBuilder


def entries_in(folder: Path) -> list[Path]:
    """Return the files and folders right below a folder, by name.

    Raises `FlowError` for what is no folder, and for a link or a device below it.
    """
    if not folder.is_dir():
        raise FlowError(str(folder), [Text("ce n'est pas un dossier", "it is not a folder")])
    entries = sorted(folder.iterdir())
    for entry in entries:
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            odd = Text(
                "ce n'est ni un fichier ni un dossier : retirez-le, ou copiez ce qu'il désigne",
                "it is neither a file nor a folder: take it out, or copy what it names",
            )
            raise FlowError(str(entry), [odd])
    return entries


def holds_a_file(folder: Path) -> bool:
    """Tell whether there is a file at any depth."""
    return any(entry.is_file() or holds_a_file(entry) for entry in entries_in(folder))


def add_entries(builder: SipBuilder, unit: str, folder: Path) -> None:
    """Hang all that lies in a folder below a unit; a folder without any file is nothing to archive."""
    for entry in entries_in(folder):
        if entry.is_file():
            item = builder.add_unit(Unit(entry.name, Level.ITEM), unit)
            builder.add_file(item, SourceFile(entry.name, entry))
        elif holds_a_file(entry):
            add_entries(builder, builder.add_unit(Unit(entry.name, Level.FILE), unit), entry)


def refuse_empty(folder: Path) -> None:
    """Raise `FlowError` for a folder in which there is nothing to archive."""
    if not holds_a_file(folder):
        raise FlowError(str(folder), [Text("ce dossier est vide", "this folder is empty")])
