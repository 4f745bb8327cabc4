"""Anchors and seals as they are fixed for ever: their fields, their canonical form (docs/proof-format.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import rfc8785

from services.proof.domain.line import Head
from shared.checksums import Measure
from shared.clock import rfc3339

ALGORITHM = "sha512"
"""Of every tree that is made today."""

ANCHOR_TYPE = "chartrier-anchor+jws"
SEAL_TYPE = "chartrier-seal+jws"

MAKE = "make_proofs"
"""Work: make an anchor and a seal whatever the time."""

NOW = "now"
"""The key of that work: asked for twice before it is done, it is done once."""

FOLDER = "proof"
"""Where proofs wait in staging."""

ENDINGS = {"anchor": "jws", "seal": "tar", "renewal": "tar"}
"""What kind of file each kind of proof is."""


@dataclass(frozen=True, slots=True)
class Named:
    """A proof by number and digest (hexadecimal): that of an anchor's file, or of a seal's `seal.json`."""

    number: int
    sha512: str

    def told(self) -> dict[str, Any]:
        """Return it as it stands in other proofs."""
        return {"number": self.number, "sha512": self.sha512}


def staging_key(kind: str, number: int) -> str:
    """Return where a proof lies until every site has it: the same for whoever writes it."""
    return f"{FOLDER}/{kind}s/{number:016}.{ENDINGS[kind]}"


@dataclass(frozen=True, slots=True)
class AnchorFacts:
    """What an anchor says; heads and senders are those that moved since `previous`."""

    number: int
    at: datetime
    previous: Named | None
    seal: Named | None
    probative: bool
    heads: Mapping[str, Head]
    senders: Mapping[str, Head]


def anchor_payload(facts: AnchorFacts) -> dict[str, Any]:
    """Return what is signed of an anchor."""
    return {
        "format": "chartrier-anchor/1",
        "number": facts.number,
        "at": rfc3339(facts.at),
        "previous": None if facts.previous is None else facts.previous.sha512,
        "probative": facts.probative,
        "seal": _told(facts.seal),
        "heads": [
            {"journal": name, "number": head.number, "sha512": head.sha512}
            for name, head in sorted(facts.heads.items(), key=_by_bytes)
        ],
        "senders": [
            {"sender": name, "batch": head.number, "sha512": head.sha512}
            for name, head in sorted(facts.senders.items(), key=_by_bytes)
        ],
    }


def _by_bytes(item: tuple[str, Head]) -> bytes:
    return item[0].encode()


def _told(named: Named | None) -> dict[str, Any] | None:
    return None if named is None else named.told()


@dataclass(frozen=True, slots=True)
class Run:
    """Lines of a journal that a seal is the first to cover; `root` is that of the tree of their digests."""

    first: int
    last: int
    root: bytes


def head_row(journal: str, establishment: UUID | None, head: Head, run: Run | None) -> bytes:
    """Return the row of a journal, without line feed."""
    lines: dict[str, int | str] | None = (
        None if run is None else {"first": run.first, "last": run.last, "root": run.root.hex()}
    )
    return rfc8785.dumps(
        {
            "establishment": None if establishment is None else str(establishment),
            "head": {"number": head.number, "sha512": head.sha512},
            "journal": journal,
            "lines": lines,
        }
    )


def deposit_row(aip: UUID, version: int, establishment: UUID, leaf: bytes, members: int) -> bytes:
    """Return the row of a version of a package, without line feed; `members` counts its digests."""
    return rfc8785.dumps(
        {
            "aip": str(aip),
            "establishment": str(establishment),
            "leaf": leaf.hex(),
            "members": members,
            "version": version,
        }
    )


@dataclass(frozen=True, slots=True)
class Before:
    """The seals and the anchor that a seal names."""

    previous: Named | None
    month_before: Named | None
    year_before: Named | None
    anchor: Named | None


@dataclass(frozen=True, slots=True)
class Table:
    """What a seal says of a table of its own: how many rows it has, what its bytes are."""

    rows: int
    measure: Measure


def seal_body(
    number: int, at: datetime, before: Before, tables: tuple[Table, Table, Measure], *, probative: bool
) -> bytes:
    """Return `seal.json`; `tables` are heads, deposits and the members of these."""
    heads, deposits, members = tables
    return rfc8785.dumps(
        {
            "format": "chartrier-seal/1",
            "number": number,
            "at": rfc3339(at),
            "algorithm": ALGORITHM,
            "probative": probative,
            "previous": _told(before.previous),
            "month_before": _told(before.month_before),
            "year_before": _told(before.year_before),
            "anchor": _told(before.anchor),
            "journals": heads.rows,
            "heads_sha512": heads.measure.sha512,
            "deposits": deposits.rows,
            "deposits_sha512": deposits.measure.sha512,
            "members_sha512": members.sha512,
        }
    )


def seal_signature(number: int, root: bytes, sha512: str) -> dict[str, Any]:
    """Return what is signed of a seal; `sha512` is that of its `seal.json`."""
    return {"format": "chartrier-seal-signature/1", "number": number, "root": root.hex(), "sha512": sha512}


def rows_of(table: bytes) -> Sequence[bytes]:
    """Return the rows of a table, without line feeds."""
    return table.split(b"\n")[:-1]
