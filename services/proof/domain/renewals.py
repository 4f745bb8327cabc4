"""Renewals as they are fixed for ever: their fields, their rows, their trees (docs/proof-format.md, "Renewals")."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

import rfc8785

from services.proof.domain.hash_tree import HashTree
from services.proof.domain.proofs import Named
from shared.checksums import Measure, sha512_of
from shared.clock import rfc3339

RenewalKind: TypeAlias = Literal["timestamp", "tree"]
TIMESTAMP: RenewalKind = "timestamp"
TREE: RenewalKind = "tree"
StampedKind: TypeAlias = Literal["seal", "renewal"]


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a renewal of the time-stamp covers: a seal, or a renewal of trees, with the renewals of its own since."""

    kind: StampedKind
    number: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a renewal is to be: its place among renewals, and over what. `members`: of those of trees alone."""

    number: int
    kind: RenewalKind
    at: datetime
    algorithm: str
    previous: Named | None
    rows: Sequence[bytes]
    values: Sequence[bytes]
    members: Measure | None = None

    @property
    def table(self) -> bytes:
        """Return `leaves.ndjson`."""
        return b"".join(row + b"\n" for row in self.rows)


def renewal_body(plan: Plan, *, probative: bool) -> bytes:
    """Return `renewal.json`."""
    return rfc8785.dumps(
        {
            "format": "chartrier-renewal/1",
            "number": plan.number,
            "at": rfc3339(plan.at),
            "kind": plan.kind,
            "algorithm": plan.algorithm,
            "probative": probative,
            "leaves": len(plan.rows),
            "leaves_sha512": sha512_of(plan.table),
            "members_sha512": None if plan.members is None else plan.members.sha512,
            "previous": None if plan.previous is None else plan.previous.told(),
        }
    )


def renewal_tree(body: bytes, plan: Plan) -> tuple[bytes, bytes]:
    """Return the values of all leaves one after the other, that of `renewal.json` first, and the root."""
    values = [digest(plan.algorithm, body), *plan.values]
    return b"".join(values), HashTree(values, plan.algorithm).root


def digest(algorithm: str, content: bytes) -> bytes:
    """Return the digest of content."""
    return hashlib.new(algorithm, content).digest()


def renewed_row(leaf: bytes, renewed: Renewed) -> bytes:
    """Return the row of a time-stamp, without line feed; `leaf` is the group of its tokens so far."""
    return rfc8785.dumps({"leaf": leaf.hex(), "renewed": {"kind": renewed.kind, "number": renewed.number}})
