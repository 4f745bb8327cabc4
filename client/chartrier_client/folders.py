"""Turn a folder, and a metadata file about it, into a package: folders become record groups, files become items."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from chartrier_client.description import DescriptionError, Envelope, Level, SedaVersion, SourceFile, Unit
from chartrier_client.language import Text
from chartrier_client.metadata.descriptions import read_descriptions
from chartrier_client.sip import BuiltSip, SipBuilder

JUNK: Final = re.compile(
    r"\.DS_Store|\._.*|\.AppleDouble|\.Spotlight-V100|\.Trashes|\.fseventsd|__MACOSX"
    r"|Thumbs\.db|ehthumbs\.db|desktop\.ini|\$RECYCLE\.BIN|System Volume Information"
    r"|~\$.*|\.~lock\..*#",
    re.IGNORECASE,
)
"""What systems and office programs leave beside the files of people. It is never deposited, and told of."""

MOST_NAMED: Final = 20
UNTITLED: Final = "Sans titre"


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """Beside the folder, what its package takes: a metadata file, and who hears of the bytes packaged.

    `on_progress` is told the bytes read so far, and all there are to read.
    """

    metadata: Path | None = None
    on_progress: Callable[[int, int], None] | None = None
    compress: bool = True


@dataclass(slots=True)
class _Found:
    """What is in a folder: relative paths in the order they are packaged, and what is not taken."""

    entries: dict[str, Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def build_from_folder(
    folder: Path,
    out: Path,
    envelope: Envelope,
    version: SedaVersion = SedaVersion.V2_2,
    plan: FolderPlan = FolderPlan(),
) -> BuiltSip:
    """Package everything below `folder`, hidden files included; the folder itself is the root unit.

    What is not taken is told of: `JUNK` is in `left_out` of the answer, and a link or a device is refused by name,
    with every other. A file or folder that the metadata file does not name is called by its own name.
    Raises `MetadataError` with all the faults of the metadata file. A package that is at `out` already is replaced,
    the metadata file never is.
    """
    _check_places(folder, out, plan.metadata)
    found = _walk(folder, plan.metadata)
    changes: Mapping[str, Mapping[str, Any]] = {}
    notes: tuple[Text, ...] = ()
    if plan.metadata:
        read = read_descriptions(plan.metadata, found.entries, found.left_out)
        changes, notes = {path: row.changes for path, row in read.by_path.items()}, read.notes
    builder = SipBuilder(envelope, version)
    _add(builder, folder, found.entries, changes)
    built = builder.write(out, compress=plan.compress, on_progress=plan.on_progress)
    return replace(built, left_out=tuple(found.left_out), notes=notes)


def _check_places(folder: Path, out: Path, metadata: Path | None) -> None:
    if not folder.is_dir():
        raise DescriptionError(Text(f"{folder} n'est pas un dossier", f"{folder} is not a folder"))
    if any(above.exists() and above.samefile(folder) for above in (out.resolve(), *out.resolve().parents)):
        raise DescriptionError(
            Text(
                f"{out} serait écrit dans le dossier qu'il empaquette",
                f"{out} would be written inside its own folder",
            )
        )
    if metadata and metadata.exists() and out.exists() and out.samefile(metadata):
        raise DescriptionError(
            Text(
                f"le paquet prendrait la place du fichier de métadonnées {metadata}",
                f"the package would take the place of the metadata file {metadata}",
            )
        )


def _walk(folder: Path, metadata: Path | None) -> _Found:
    found = _Found({".": folder})
    aside = metadata.resolve() if metadata else None
    waiting = [(".", folder)]
    while waiting:
        relative, entry = waiting.pop()
        if relative != ".":
            found.entries[relative] = entry
        if not entry.is_dir():
            continue
        below = [
            (child if relative == "." else f"{relative}/{child}", entry / child)
            for child in _sorted_names(entry)
            if aside is None or child != aside.name or (entry / child).resolve() != aside
        ]
        waiting += reversed([each for each in below if _is_taken(*each, found)])
    if found.refused:
        names = ", ".join(found.refused[:MOST_NAMED]) + ("…" if len(found.refused) > MOST_NAMED else "")
        raise DescriptionError(
            Text(
                f"ni fichier ni dossier, à ôter ou à remplacer par une copie : {names}",
                f"neither a file nor a folder, to take out or to replace with a copy: {names}",
            )
        )
    return found


def _sorted_names(folder: Path) -> list[str]:
    # By bytes, so that the order does not depend on the machine; names that are no UTF-8 have one too.
    return sorted((entry.name for entry in folder.iterdir()), key=os.fsencode)


def _is_taken(relative: str, entry: Path, found: _Found) -> bool:
    if JUNK.fullmatch(entry.name):
        found.left_out.append(relative)
        return False
    if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
        found.refused.append(str(entry))
        return False
    return True


def _add(
    builder: SipBuilder, folder: Path, entries: Mapping[str, Path], changes: Mapping[str, Mapping[str, Any]]
) -> None:
    root = Unit(folder.resolve().name.strip() or "/", Level.RECORD_GROUP)
    units = {".": builder.add_unit(replace(root, **changes.get(".", {})))}
    for relative, path in entries.items():
        if relative == ".":
            continue
        above = units[relative.rpartition("/")[0] or "."]
        is_folder = path.is_dir()
        unit = Unit(path.name if path.name.strip() else UNTITLED, Level.RECORD_GROUP if is_folder else Level.ITEM)
        identifier = builder.add_unit(replace(unit, **changes.get(relative, {})), above)
        if is_folder:
            units[relative] = identifier
        else:
            builder.add_file(identifier, SourceFile(path.name, path))
