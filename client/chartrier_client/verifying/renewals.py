"""Renewals: one tree and one token over the newest tokens of many seals, or over their data anew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chartrier_client.verifying import shapes
from chartrier_client.verifying.checks import Malformed, Subject
from chartrier_client.verifying.stamped import LARGEST_DOCUMENT, Row, Stamped, read_end, read_groups, read_rows
from chartrier_client.verifying.tars import members
from chartrier_client.verifying.tokens import LARGEST as LARGEST_TOKEN
from chartrier_client.verifying.trust import Grounds


def read_renewal(path: Path, grounds: Grounds, about: Subject, on_row: Row) -> Stamped:
    """Read a renewal, check its parts against its header, and tell each row.

    Raises `Malformed` for what is no renewal, and `OSError`.
    """
    renewal = Stamped()
    with path.open("rb") as file:
        parts = members(file, _names(renewal))
        renewal.read_header(next(parts), shapes.RENEWAL, grounds)
        header = renewal.header
        rows, sha512 = read_rows(next(parts), _rows(renewal, on_row))
        about.same("renewal.leaves", f"{rows} {sha512}", f"{header['leaves']} {header['leaves_sha512']}")
        if header["kind"] == "tree":
            about.same("seal.members", read_groups(next(parts), renewal, ascending=False), header["members_sha512"])
        read_end(renewal, next(parts).read(LARGEST_TOKEN), next(parts).read(LARGEST_DOCUMENT))
        for part in parts:
            raise Malformed("tar_members", found=part.name, expected="")
    return renewal


def _names(renewal: Stamped) -> Iterator[str]:
    yield from ("renewal.json", "leaves.ndjson")
    if renewal.header["kind"] == "tree":
        yield "members.bin"
    yield from ("token.tst", "signature.jws")


def _rows(renewal: Stamped, on_row: Row) -> Row:
    def take(row: dict[str, Any], line: bytes) -> None:
        if renewal.header["kind"] == "timestamp":
            shapes.fits(row, shapes.RENEWED)
        else:
            shapes.fits(row, shapes.RENEWED_PACKAGE if "aip" in row else shapes.RENEWED_LINES)
        value = _value(row.get("leaf", row.get("root")))
        renewal.add(value)
        if "aip" in row:
            renewal.groups.append((value, row["members"]))
        on_row(row, line)

    return take


def _value(text: object) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError as error:
        raise Malformed("field_wrong", field="leaf") from error
