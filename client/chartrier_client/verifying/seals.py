"""Seals: the tree over journals and deposits is built again from what the seal holds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from chartrier_client.verifying import shapes
from chartrier_client.verifying.checks import Malformed, Subject
from chartrier_client.verifying.stamped import LARGEST_DOCUMENT, Row, Stamped, read_end, read_groups, read_rows
from chartrier_client.verifying.tars import Member, members
from chartrier_client.verifying.tokens import LARGEST as LARGEST_TOKEN
from chartrier_client.verifying.trees import digest
from chartrier_client.verifying.trust import Grounds

NAMES: Final = ("seal.json", "heads.ndjson", "deposits.ndjson", "members.bin", "token.tst", "signature.jws")


def read_seal(path: Path, grounds: Grounds, about: Subject, on_head: Row, on_deposit: Row) -> Stamped:
    """Read a seal, check its parts against its header, and tell each row with its bytes.

    Raises `Malformed` for what is no seal, and `OSError`.
    """
    seal = Stamped()
    with path.open("rb") as file:
        parts = members(file, NAMES)
        seal.read_header(next(parts), shapes.SEAL, grounds)
        _counted("heads", next(parts), seal, _heads(seal, on_head), about)
        _counted("deposits", next(parts), seal, _deposits(seal, on_deposit), about)
        about.same("seal.members", read_groups(next(parts), seal, ascending=True), seal.header["members_sha512"])
        read_end(seal, next(parts).read(LARGEST_TOKEN), next(parts).read(LARGEST_DOCUMENT))
        _to_the_end(parts)
    return seal


def _to_the_end(parts: Iterator[Member]) -> None:
    for part in parts:
        raise Malformed("tar_members", found=part.name, expected="")


def _counted(name: str, member: Member, seal: Stamped, take: Row, about: Subject) -> None:
    rows, sha512 = read_rows(member, take)
    counted = "journals" if name == "heads" else name
    about.same(f"seal.{name}", f"{rows} {sha512}", f"{seal.header[counted]} {seal.header[f'{name}_sha512']}")


def _heads(seal: Stamped, on_head: Row) -> Row:
    before = b""

    def take(row: dict[str, Any], line: bytes) -> None:
        nonlocal before
        shapes.fits(row, shapes.HEAD)
        name = row["journal"].encode()
        if name <= before:
            raise Malformed("rows_order", row=row["journal"])
        before = name
        seal.add(digest(line))
        if row["lines"] is not None:
            seal.add(bytes.fromhex(row["lines"]["root"]))
            if row["lines"]["last"] != row["head"]["number"] or row["lines"]["first"] > row["lines"]["last"]:
                raise Malformed("field_wrong", field="lines")
        on_head(row, line)

    return take


def _deposits(seal: Stamped, on_deposit: Row) -> Row:
    before = ("", 0)

    def take(row: dict[str, Any], line: bytes) -> None:
        nonlocal before
        shapes.fits(row, shapes.DEPOSIT)
        place = (row["aip"], row["version"])
        if place <= before:
            raise Malformed("rows_order", row=f"{row['aip']} v{row['version']}")
        before = place
        seal.add(bytes.fromhex(row["leaf"]))
        seal.groups.append((bytes.fromhex(row["leaf"]), row["members"]))
        on_deposit(row, line)

    return take
