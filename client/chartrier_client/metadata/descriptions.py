"""A metadata file as a whole: what it says of each path, or all its faults."""

import posixpath
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chartrier_client.language import Text
from chartrier_client.metadata.columns import Column, known_columns
from chartrier_client.metadata.faults import Fault, MetadataError, letters
from chartrier_client.metadata.parents import parent_faults
from chartrier_client.metadata.rows import PATH_EMPTY, Described, read_row
from chartrier_client.metadata.table import dialect_of, opened_rows

# Beyond this many faults the rest is better told after these are mended.
MOST_FAULTS: Final = 1000


@dataclass(frozen=True, slots=True)
class Descriptions:
    """What a metadata file says, by path; `notes` say what was assumed to read it."""

    by_path: Mapping[str, Described]
    notes: tuple[Text, ...] = ()


def read_descriptions(path: Path, there: Collection[str], left_out: Collection[str] = ()) -> Descriptions:
    r"""Read a metadata file about the paths that are `there`; those `left_out` are never deposited.

    Paths are relative, with `/`, the folder itself being `.`. A path written in another Unicode form than that of the
    file system (as between macOS and others), with the `\` of Windows, or between blanks is understood where only one
    is meant.
    Raises `OSError`, or `MetadataError` with every fault.
    """
    dialect = dialect_of(path)
    faults: list[Fault] = []
    found: dict[str, Described] = {}
    places = _Places(there)
    with opened_rows(path, dialect) as rows:
        try:
            first = next(rows, None)
            headers = first.cells if first else ()
            columns, wrong = known_columns(path.name, headers)
            faults += wrong
            for row in () if _has_no_path(columns) else rows:
                described, wrong = read_row(path.name, columns, row, len(headers))
                faults += wrong
                if described:
                    faults += _place(path.name, columns, described, places, found, left_out)
                if len(faults) >= MOST_FAULTS:
                    faults.append(_and_more(path.name, row.number))
                    break
            else:
                # Who is above whom is known once every row has its place.
                if not any(fault.code.startswith("PATH_") for fault in faults):
                    faults += parent_faults(path.name, columns, found)
        except MetadataError as error:
            faults += error.faults
    if faults:
        raise MetadataError(faults)
    return Descriptions(found, dialect.notes)


def _and_more(file: str, row: int) -> Fault:
    reason = Text(
        "les lignes suivantes n'ont pas été lues : corrigez d'abord ces défauts",
        "the rows after this one were not read: mend these faults first",
    )
    return Fault(file, row, "", "", "AND_MORE", reason)


def _has_no_path(columns: tuple[Column, ...]) -> bool:
    return all(column.field != "path" for column in columns)


class _Places:
    """Finds the path that a row means."""

    def __init__(self, there: Collection[str]) -> None:
        self._there = there
        self._forms: dict[str, str | None] = {}
        for path in there:
            form = unicodedata.normalize("NFC", path)
            # None: two files that only their Unicode form tells apart.
            self._forms[form] = None if form in self._forms else path

    def meant(self, path: str) -> Iterator[str]:
        """Give what a path may mean, the most literal first."""
        for text in filter(None, (path, path.strip())):
            for written in (text, posixpath.normpath(text.replace("\\", "/"))):
                if written in self._there:
                    yield written
                near = self._forms.get(unicodedata.normalize("NFC", written))
                if near is not None:
                    yield near


def _place(
    file: str,
    columns: tuple[Column, ...],
    described: Described,
    places: _Places,
    found: dict[str, Described],
    left_out: Collection[str],
) -> Iterator[Fault]:
    column = next(column for column in columns if column.field == "path")
    where = (file, described.row, letters(column.index), column.header)
    path = next(places.meant(described.path), None)
    if path is None:
        yield Fault(*where, *_absent(described.path, left_out))
    elif path in found:
        reason = Text(
            f"«{path}» est déjà décrit à la ligne {found[path].row}",
            f"«{path}» is described in row {found[path].row} already",
        )
        yield Fault(*where, "PATH_REPEATED", reason)
    else:
        found[path] = described


def _absent(path: str, left_out: Collection[str]) -> tuple[str, Text]:
    if not path.strip():
        return "PATH_EMPTY", PATH_EMPTY
    if path.strip() in left_out:
        return "PATH_LEFT_OUT", Text(
            f"«{path}» n'est jamais versé : c'est un fichier du système ou d'un logiciel",
            f"«{path}» is never deposited: it is a file of the system or of a program",
        )
    return "PATH_ABSENT", Text(f"«{path}» n'est pas dans le dossier", f"«{path}» is not in the folder")
