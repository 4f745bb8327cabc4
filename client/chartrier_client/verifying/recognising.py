"""What a file is, by what is in it: names lie."""

import json
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from chartrier_client.verifying.checks import Malformed
from chartrier_client.verifying.journals import LONGEST_LINE
from chartrier_client.verifying.jws import ANCHOR, LARGEST, RECEIPT, Jws, read_jws
from chartrier_client.verifying.packages import LISTED, METS, entries_of

HEAD: Final = 4096
LOOKED_AT: Final = 32
_SUFFIXES: Final = frozenset({".jws", ".tar", ".der", ".ers", ".er", ".ndjson", ".tst", ".zip"})


class Kind(IntEnum):
    """Kinds of files, in the order in which they are verified: what is said first, then what it is said of."""

    RECORD = 1
    RENEWAL = 2
    SEAL = 3
    ANCHOR = 4
    RECEIPT = 5
    CONTAINER = 6
    AIP = 7
    DIP = 8
    PDF = 9
    BROKEN_SIGNATURE = 10
    UNKNOWN = 11


_FIRST_MEMBERS: Final = MappingProxyType({b"seal.json\0": Kind.SEAL, b"renewal.json\0": Kind.RENEWAL})


@dataclass(frozen=True, slots=True)
class Item:
    """A file to verify.

    `is_evidence`: it was given as the evidence of the others; `is_beside`: it lies in a folder that was given, and is
    passed over where it is nothing known.
    """

    path: Path
    kind: Kind
    is_evidence: bool = False
    is_beside: bool = False


def kind_of(path: Path) -> Kind:
    """Return what a file is; raises `OSError` where it cannot be read."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(b"%PDF-"):
        return Kind.PDF
    for name, kind in _FIRST_MEMBERS.items():
        if head.startswith(name):
            return kind
    if head.startswith(b"PK") or head[257:262] == b"ustar":
        return _of_a_package(path)
    if head.startswith(b"\x30"):
        return Kind.RECORD
    if head.startswith(b"eyJ"):
        return _of_a_signature(path)
    return Kind.CONTAINER if head.startswith(b"{") and _begins_journal(path) else Kind.UNKNOWN


def _of_a_package(path: Path) -> Kind:
    names: list[str] = []
    # Of a package that cannot be read to its end, what could be read tells what it was.
    with suppress(Malformed), entries_of(path) as entries:
        names.extend(entry.path for entry in islice(entries, LOOKED_AT))
    if any(name.partition("/")[2] == METS for name in names):
        return Kind.AIP
    # A DIP begins with what it is, and ends with the list of its digests.
    return Kind.DIP if {"LISEZMOI.txt", "metadata/units.json", LISTED} & set(names) else Kind.UNKNOWN


def _of_a_signature(path: Path) -> Kind:
    jws = read_signature(path)
    if isinstance(jws, Malformed):
        return Kind.BROKEN_SIGNATURE
    return {ANCHOR: Kind.ANCHOR, RECEIPT: Kind.RECEIPT}.get(jws.typ, Kind.UNKNOWN)


def read_signature(path: Path) -> Jws | Malformed:
    """Return the JWS of a file, or why it is none; raises `OSError`."""
    with path.open("rb") as file:
        content = file.read(LARGEST + 2)
    try:
        return read_jws(content.removesuffix(b"\n"))
    except Malformed as fault:
        return fault


def _begins_journal(path: Path) -> bool:
    with path.open("rb") as file:
        line = file.readline(LONGEST_LINE)
    try:
        fields: Any = json.loads(line)
    except (ValueError, RecursionError):
        return False
    # One line without a line feed behind it is the data of a record, not a container.
    is_line = isinstance(fields, dict) and fields.get("format") == "chartrier-journal-line/1"
    return is_line and line.endswith(b"\n")


def looks_like_proof(path: Path) -> bool:
    """Say whether an unknown file stands where a proof would: what is broken is not passed over."""
    return path.suffix.lower() in _SUFFIXES
