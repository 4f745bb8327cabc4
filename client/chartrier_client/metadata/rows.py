"""What a row says of its unit: a path, and what replaces the unit's defaults."""

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

from chartrier_client.description import FINAL_ACTIONS, Keyword, Rule
from chartrier_client.language import Text
from chartrier_client.metadata import cells, dates
from chartrier_client.metadata.cells import CellError
from chartrier_client.metadata.columns import NAMES, REPEATED, RULES, Column, owner_of
from chartrier_client.metadata.faults import Fault, letters
from chartrier_client.metadata.table import Row

# One cell may hold several keywords.
SEPARATOR: Final = "|"
PATH_EMPTY: Final = Text("le chemin est vide", "the path is empty")

_READ: Final[Mapping[str, Callable[[str], Any]]] = MappingProxyType(
    {
        "level": cells.level,
        "language": cells.language,
        "keyword_type": cells.keyword_type,
        **{name: dates.when for name in NAMES if name.endswith("_date")},
        **{f"{rule}_start": dates.day for rule in RULES},
        **{f"{rule}_action": partial(cells.action, category=category) for rule, category in RULES.items()},
    }
)
"""How the cells of a field are read; the others hold words."""


@dataclass(frozen=True, slots=True)
class Described:
    """What one row says: `changes` are fields of `Unit`. `path` is relative to the folder, `.` being the folder.

    `identifier` and `parent` name this row and the one above it, where the file has such columns.
    """

    row: int
    path: str
    changes: Mapping[str, Any]
    identifier: str = ""
    parent: str = ""


@dataclass(slots=True)
class RowReading:
    """A row being read: its values by field and number, and its faults."""

    file: str
    columns: tuple[Column, ...]
    row: Row
    values: dict[tuple[str, int], Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, code: str, reason: Text, column: Column | None = None) -> None:
        """Add a fault of this row, or of one of its cells."""
        where = (letters(column.index), column.header) if column else ("", "")
        self.faults.append(Fault(self.file, self.row.number, *where, code, reason))

    def column(self, name: str, number: int = 1) -> Column | None:
        """Return the column of a field."""
        return next((each for each in self.columns if (each.field, each.number) == (name, number)), None)


def read_row(file: str, columns: tuple[Column, ...], row: Row, width: int) -> tuple[Described | None, list[Fault]]:
    """Read a row of a file whose headers are `width` cells; None where it names no path."""
    reading = RowReading(file, columns, row)
    _take_cells(reading, width)
    path = _path(reading)
    changes: dict[str, Any] = {
        name: value for (name, _), value in reading.values.items() if name not in REPEATED and _is_of_a_unit(name)
    }
    keywords, rules = _keywords(reading), _rules(reading)
    changes |= {"keywords": keywords} if keywords else {}
    changes |= {"rules": rules} if rules else {}
    _check_dates(reading)
    identifier, parent = (str(reading.values.get((name, 1), "")) for name in ("row_id", "parent_id"))
    return (Described(row.number, path, changes, identifier, parent) if path else None), reading.faults


def _is_of_a_unit(name: str) -> bool:
    return name not in {"path", "row_id"} and owner_of(name) is None


def _take_cells(reading: RowReading, width: int) -> None:
    for column in reading.columns:
        written = reading.row.cells[column.index] if column.index < len(reading.row.cells) else ""
        # The name of a file may begin or end with a blank: only the folder tells.
        cell = written if column.field == "path" else written.strip()
        if not cell:
            continue
        try:
            reading.values[column.field, column.number] = _READ.get(column.field, cells.text)(cells.text(cell))
        except CellError as error:
            reading.fault(error.code, error.reason, column)
    if any(cell.strip() for cell in reading.row.cells[width:]):
        reading.fault(
            "ROW_TOO_LONG",
            Text(
                f"{len(reading.row.cells)} cellules sous {width} en-têtes : un séparateur est de trop",
                f"{len(reading.row.cells)} cells under {width} headers: there is a delimiter too many",
            ),
        )


def _path(reading: RowReading) -> str:
    """Return the path, simplified; those of Windows are understood."""
    path = str(reading.values.get(("path", 1), ""))
    column = reading.column("path")
    if not path and not _has_fault(reading, column):
        reading.fault("PATH_EMPTY", PATH_EMPTY, column)
    return posixpath.normpath(path) if path else path


def _keywords(reading: RowReading) -> tuple[Keyword, ...]:
    found: list[Keyword] = []
    for number in _numbers(reading, ("keyword",)):
        content = reading.values.get(("keyword", number))
        kind = reading.values.get(("keyword_type", number))
        reference = reading.values.get(("keyword_reference", number))
        if content is None:
            _alone(reading, ("keyword_type", "keyword_reference"), number, NAMES["keyword"])
        else:
            words = [word.strip() for word in content.split(SEPARATOR)]
            found += [Keyword(word, kind, reference) for word in words if word]
    return tuple(found)


def _rules(reading: RowReading) -> tuple[Rule, ...]:
    found: list[Rule] = []
    for name, category in RULES.items():
        action = reading.values.get((f"{name}_action", 1))
        codes = 0
        for number in _numbers(reading, (f"{name}_rule", f"{name}_start")):
            code = reading.values.get((f"{name}_rule", number))
            if code is None:
                _alone(reading, (f"{name}_start",), number, NAMES[f"{name}_rule"])
                continue
            codes += 1
            if category not in FINAL_ACTIONS or action is not None:
                found.append(Rule(category, code, reading.values.get((f"{name}_start", number)), action))
        _check_action(reading, name, codes)
    return tuple(found)


def _check_action(reading: RowReading, name: str, codes: int) -> None:
    column, field_name = reading.column(f"{name}_action"), f"{name}_action"
    if RULES[name] not in FINAL_ACTIONS or _has_fault(reading, column):
        return
    there = (field_name, 1) in reading.values
    if codes and not there:
        names = NAMES[field_name]
        reason = Text(
            f"cette règle demande un sort final (colonne «{names[1]}»)",
            f"this rule needs a final action (column «{names[0]}»)",
        )
        reading.fault("RULE_WITHOUT_ACTION", reason, column or reading.column(f"{name}_rule"))
    if there and not codes:
        _alone(reading, (field_name,), 1, NAMES[f"{name}_rule"])


def _has_fault(reading: RowReading, column: Column | None) -> bool:
    return column is not None and any(fault.column == letters(column.index) for fault in reading.faults)


def _alone(reading: RowReading, names: Sequence[str], number: int, owner: Sequence[str]) -> None:
    for name in names:
        if (name, number) in reading.values and not _has_fault(reading, reading.column(name, number)):
            reason = Text(
                f"cette cellule ne dit rien sans «{owner[1]}» sur la même ligne",
                f"this cell says nothing without «{owner[0]}» in the same row",
            )
            reading.fault("VALUE_ALONE", reason, reading.column(name, number))


def _numbers(reading: RowReading, names: Sequence[str]) -> list[int]:
    wanted = (*names, *(f"{name}_{more}" for name in names for more in ("type", "reference")))
    return [number for number, _ in groupby(sorted(number for name, number in reading.values if name in wanted))]


def _check_dates(reading: RowReading) -> None:
    start, end = reading.values.get(("start_date", 1), ""), reading.values.get(("end_date", 1), "")
    if start and end and dates.is_before(end, start):
        reason = Text(f"la fin ({end}) précède le début ({start})", f"the end ({end}) is before the start ({start})")
        reading.fault("DATES_REVERSED", reason, reading.column("end_date"))
