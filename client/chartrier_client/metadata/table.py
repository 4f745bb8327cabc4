"""Read a CSV file as spreadsheets write them: its encoding and its delimiter are found out, its rows are streamed."""

import codecs
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chartrier_client.language import Text
from chartrier_client.metadata.faults import Fault, MetadataError

CHUNK: Final = 1 << 16
DELIMITERS: Final = ";,\t"
# A cell longer than this is not a cell: a quote was never closed.
LONGEST_CELL: Final = 1 << 20

# What French spreadsheets write when nobody asks them for UTF-8.
FALLBACK: Final = "cp1252"
MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

AS_WINDOWS: Final = Text(
    "ce fichier n'est pas en UTF-8 : il a été lu comme du Windows-1252 ; vérifiez les accents",
    "this file is not in UTF-8: it was read as Windows-1252; look at its accents",
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written; `notes` say what was assumed."""

    encoding: str
    delimiter: str
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `number` is the one a spreadsheet shows, the headers being row 1."""

    number: int
    cells: tuple[str, ...]


def dialect_of(path: Path) -> Dialect:
    """Find out how a file is written. Raises `OSError`, or `MetadataError` where it is no text."""
    encoding = _encoding_of(path)
    with path.open(encoding=encoding, newline="") as file:
        try:
            line = file.readline(LONGEST_CELL)
        except UnicodeError as error:
            raise MetadataError([_not_a_text(path.name, error)]) from error
    outside = "".join(line.split('"')[::2])
    counted = Counter(letter for letter in outside if letter in DELIMITERS)
    delimiter = max(DELIMITERS, key=lambda letter: counted[letter])
    return Dialect(encoding, delimiter, (AS_WINDOWS,) if encoding == FALLBACK else ())


@contextmanager
def opened_rows(path: Path, dialect: Dialect) -> Iterator[Iterator[Row]]:
    """Give the rows of a file one by one, blank ones left out; raises `MetadataError` at bytes that are no CSV."""
    with path.open(encoding=dialect.encoding, newline="") as file:
        yield _rows(path.name, csv.reader(file, delimiter=dialect.delimiter, strict=True))


def _rows(name: str, reader: "Iterator[Sequence[str]]") -> Iterator[Row]:
    number = 0
    limit = csv.field_size_limit(LONGEST_CELL)
    try:
        for number, cells in enumerate(reader, start=1):
            if any(cell.strip() for cell in cells) or number == 1:
                yield Row(number, tuple(cells))
    except csv.Error as error:
        reason = Text(
            f"la ligne ne se lit pas, un guillemet est de trop ou manque ({error})",
            f"the row cannot be read, a quotation mark is missing or should not be there ({error})",
        )
        raise MetadataError([Fault(name, number + 1, "", "", "CSV_BROKEN", reason)]) from error
    except UnicodeError as error:
        raise MetadataError([_not_a_text(name, error, number + 1)]) from error
    finally:
        csv.field_size_limit(limit)


def _encoding_of(path: Path) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        start = file.read(4)
        for mark, encoding in MARKS:
            if start.startswith(mark):
                return encoding
        try:
            chunk = start
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return FALLBACK
    return "utf-8"


def _not_a_text(name: str, error: UnicodeError, row: int = 1) -> Fault:
    reason = Text(
        "ces octets ne sont ni de l'UTF-8 ni du Windows-1252 : enregistrez le fichier en UTF-8",
        "these bytes are neither UTF-8 nor Windows-1252: save the file as UTF-8",
    )
    del error  # its offset counts from the last block read, and would mislead
    return Fault(name, row, "", "", "ENCODING", reason)
