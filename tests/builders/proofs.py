"""Whole proofs: a journal in containers, seals over it and over packages, anchors, receipts, records, renewals.

Written from docs/proof-format.md, with neither the archive's programs nor the verifier's.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from rfc8785 import dumps

from shared.packaging.tar import entry_header
from tests.builders.proof_tokens import Chains, Stamp, Stamper, a_stamper, jws, token

ESTABLISHMENT = "01930000-0000-7000-8000-000000000001"
TRANSFER = "01930000-0000-7000-8000-00000000000a"
JOURNAL = f"archives.{ESTABLISHMENT}"
START = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
RECORDED = START + DAY
"""When lines were recorded, a first seal and the first anchors made."""


def time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def sha512(content: bytes) -> bytes:
    return hashlib.sha512(content).digest()


def lines(count: int, journal: str = JOURNAL) -> list[bytes]:
    """Return the first lines of a journal."""
    kind, _, owner = journal.partition(".")
    written: list[bytes] = []
    previous = "0" * 128
    for number in range(1, count + 1):
        line = dumps(
            {
                "format": "chartrier-journal-line/1",
                "journal": journal,
                "number": number,
                "previous": previous,
                "recorded_at": time(RECORDED),
                "occurred_at": time(START),
                "kind": kind,
                "action": "transfer.accepted",
                "actor": "room:ingest",
                "outcome": "ok",
                "object": f"transfer:{TRANSFER}",
                "establishment": None if owner == "platform" else owner,
                "transfer": TRANSFER,
                "details": {"version": 1, "é": "è"},
                "sender": "ingest",
                "batch": number,
                "batch_sha512": sha512(b"batch %d" % number).hex(),
                "index": 0,
            }
        )
        written.append(line)
        previous = sha512(line).hex()
    return written


def container(rows: Iterable[bytes]) -> bytes:
    return b"".join(row + b"\n" for row in rows)


def tar(members: Sequence[tuple[str, bytes]]) -> bytes:
    """Return a TAR without anything but its members."""
    parts = []
    for name, content in members:
        parts += [entry_header(name, len(content), int(START.timestamp())), content, bytes(-len(content) % 512)]
    return b"".join(parts) + bytes(1024)


class Tree:
    """A tree of RFC 4998 over values of leaves, level by level."""

    def __init__(self, leaves: Sequence[bytes], algorithm: str = "sha512") -> None:
        self.algorithm = algorithm
        self.levels = [list(leaves)]
        while len(self.levels[-1]) > 1:
            level = self.levels[-1]
            above = [self.hashed(level[n : n + 2]) for n in range(0, len(level), 2)]
            self.levels.append(above)

    def hashed(self, values: Sequence[bytes]) -> bytes:
        return values[0] if len(values) == 1 else hashlib.new(self.algorithm, b"".join(sorted(values))).digest()

    @property
    def root(self) -> bytes:
        return self.levels[-1][0]

    def siblings(self, position: int) -> list[list[bytes]]:
        path = []
        for level in self.levels[:-1]:
            if position ^ 1 < len(level):
                path.append([level[position ^ 1]])
            position //= 2
        return path


def group(digests: Iterable[bytes], algorithm: str = "sha512") -> bytes:
    members = sorted(set(digests))
    return members[0] if len(members) == 1 else hashlib.new(algorithm, b"".join(members)).digest()


@dataclass(frozen=True)
class Packed:
    """A package version as it is sealed."""

    aip: str
    digests: tuple[bytes, ...]
    version: int = 1

    @property
    def members(self) -> list[bytes]:
        return sorted(set(self.digests))


@dataclass(frozen=True)
class Sealing:
    """What a seal is to be; right unless told otherwise."""

    number: int = 1
    journals: dict[str, list[bytes]] = field(default_factory=lambda: {JOURNAL: lines(7)})
    since: int = 0
    packages: tuple[Packed, ...] = ()
    before: "Seal | None" = None
    stamper: Stamper = field(default_factory=a_stamper)
    at: datetime | None = None
    anchor: dict[str, Any] | None = None
    probative: bool = True
    header: dict[str, Any] = field(default_factory=dict)


class Seal:
    """A seal, its tree, and the records that are taken from it."""

    def __init__(self, sealing: Sealing) -> None:
        self.of = sealing
        self.at = sealing.at or START + sealing.number * DAY
        self.packages = sorted(sealing.packages, key=lambda each: (each.aip, each.version))
        self.rows = [self._head(name) for name in sorted(sealing.journals)]
        self.deposits = [self._deposit(each) for each in self.packages]
        self.members = b"".join(b"".join(each.members) for each in self.packages)
        self.document = dumps(self._header())
        self.leaves = self._leaves()
        self.tree = Tree(self.leaves)
        self.token = token(self.tree.root, self.at + timedelta(seconds=2), sealing.stamper)
        self.signature = jws(
            "chartrier-seal+jws",
            {
                "format": "chartrier-seal-signature/1",
                "number": sealing.number,
                "root": self.tree.root.hex(),
                "sha512": sha512(self.document).hex(),
            },
        )

    @property
    def named(self) -> dict[str, Any]:
        return {"number": self.of.number, "sha512": sha512(self.document).hex()}

    @property
    def parts(self) -> list[tuple[str, bytes]]:
        return [
            ("seal.json", self.document),
            ("heads.ndjson", container(self.rows)),
            ("deposits.ndjson", container(self.deposits)),
            ("members.bin", self.members),
            ("token.tst", self.token),
            ("signature.jws", self.signature),
        ]

    @property
    def tar(self) -> bytes:
        return tar(self.parts)

    def record_of_package(self, position: int = 0) -> Chains:
        leaf = len(self.leaves) - len(self.packages) + position
        path = [self.packages[position].members, *self.tree.siblings(leaf)]
        return Chains([[Stamp("sha512", path, self.token)]])

    def record_of_document(self) -> Chains:
        return Chains([[Stamp("sha512", [[self.leaves[0]], *self.tree.siblings(0)], self.token)]])

    def record_of_line(self, journal: str, number: int) -> Chains:
        written = self.of.journals[journal][self.of.since :]
        inner = Tree([sha512(line) for line in written])
        position = number - self.of.since - 1
        leaf = self.leaves.index(inner.root)
        path = [[inner.levels[0][position]], *inner.siblings(position), *self.tree.siblings(leaf)]
        return Chains([[Stamp("sha512", path, self.token)]])

    def _leaves(self) -> list[bytes]:
        leaves = [sha512(self.document)]
        for name, row in zip(sorted(self.of.journals), self.rows, strict=True):
            leaves.append(sha512(row))
            new = self.of.journals[name][self.of.since :]
            if new:
                leaves.append(Tree([sha512(line) for line in new]).root)
        return leaves + [group(each.members) for each in self.packages]

    def _head(self, name: str) -> bytes:
        written = self.of.journals[name]
        new = written[self.of.since :]
        owner = name.partition(".")[2]
        return dumps(
            {
                "establishment": None if owner == "platform" else owner,
                "head": {"number": len(written), "sha512": sha512(written[-1]).hex()},
                "journal": name,
                "lines": {
                    "first": self.of.since + 1,
                    "last": len(written),
                    "root": Tree([sha512(line) for line in new]).root.hex(),
                }
                if new
                else None,
            }
        )

    def _deposit(self, package: Packed) -> bytes:
        return dumps(
            {
                "aip": package.aip,
                "establishment": ESTABLISHMENT,
                "leaf": group(package.digests).hex(),
                "members": len(package.members),
                "version": package.version,
            }
        )

    def _header(self) -> dict[str, Any]:
        return {
            "format": "chartrier-seal/1",
            "number": self.of.number,
            "at": time(self.at),
            "algorithm": "sha512",
            "probative": self.of.probative,
            "previous": self.of.before.named if self.of.before else None,
            "month_before": None,
            "year_before": None,
            "anchor": self.of.anchor,
            "journals": len(self.rows),
            "heads_sha512": sha512(container(self.rows)).hex(),
            "deposits": len(self.deposits),
            "deposits_sha512": sha512(container(self.deposits)).hex(),
            "members_sha512": sha512(self.members).hex(),
            **self.of.header,
        }


def renewed_stamp(record: Chains, at: datetime, by: Stamper, beside: bytes = b"\1" * 64) -> Chains:
    """Return a record whose newest token is stamped anew, with another one's beside it."""
    *before, last = record.chains
    leaf = hashlib.new(last[-1].algorithm, last[-1].token).digest()
    root = hashlib.new(last[-1].algorithm, b"".join(sorted([leaf, beside]))).digest()
    stamp = Stamp(last[-1].algorithm, [[leaf], [beside]], token(root, at, by, last[-1].algorithm))
    return Chains([*before, [*last, stamp]])


def renewed_tree(record: Chains, data: Iterable[bytes], at: datetime, by: Stamper, algorithm: str) -> Chains:
    """Return a record with a new chain over its data and all that was, in another algorithm."""
    sequence = hashlib.new(algorithm, record.sequence).digest()
    members = sorted(
        {hashlib.new(algorithm, hashlib.new(algorithm, each).digest() + sequence).digest() for each in data}
    )
    stamp = Stamp(algorithm, [members], token(group(members, algorithm), at, by, algorithm))
    return Chains([*record.chains, [stamp]])


def renewal(
    number: int,
    of: Sequence[tuple[str, int, bytes | tuple[bytes, ...]]],
    at: datetime,
    by: Stamper,
    before: dict[str, Any] | None = None,
) -> tuple[bytes, bytes]:
    """Return a renewal of time-stamps, each `kind, number, token` (or all tokens so far); and its own token."""
    leaves = [group([sha512(der) for der in ((ders,) if isinstance(ders, bytes) else ders)]) for _, _, ders in of]
    rows = [
        dumps({"leaf": leaf.hex(), "renewed": {"kind": kind, "number": place}})
        for leaf, (kind, place, _) in zip(leaves, of, strict=True)
    ]
    document = dumps(
        {
            "format": "chartrier-renewal/1",
            "number": number,
            "at": time(at),
            "kind": "timestamp",
            "algorithm": "sha512",
            "probative": True,
            "leaves": len(rows),
            "leaves_sha512": sha512(container(rows)).hex(),
            "members_sha512": None,
            "previous": before,
        }
    )
    root = Tree([sha512(document), *leaves]).root
    stamped = token(root, at, by)
    signature = jws(
        "chartrier-seal+jws",
        {
            "format": "chartrier-seal-signature/1",
            "number": number,
            "root": root.hex(),
            "sha512": sha512(document).hex(),
        },
    )
    parts = [
        ("renewal.json", document),
        ("leaves.ndjson", container(rows)),
        ("token.tst", stamped),
        ("signature.jws", signature),
    ]
    return tar(parts), stamped


def anchor(
    number: int = 1,
    heads: Sequence[tuple[str, int, bytes]] = (),
    previous: bytes | None = None,
    seal: dict[str, Any] | None = None,
    senders: Sequence[tuple[str, int, bytes]] = (),
    probative: bool = True,
) -> bytes:
    """Return an anchor; `previous` is the file of the one before."""
    return jws(
        "chartrier-anchor+jws",
        {
            "format": "chartrier-anchor/1",
            "number": number,
            "at": time(RECORDED + number * timedelta(minutes=5)),
            "previous": None if previous is None else sha512(previous).hex(),
            "probative": probative,
            "seal": seal,
            "heads": [
                {"journal": name, "number": place, "sha512": sha512(line).hex()} for name, place, line in heads
            ],
            "senders": [
                {"batch": batch, "sender": sender, "sha512": digest.hex()} for sender, batch, digest in senders
            ],
        },
    )


def receipt_payload(package: Packed, content: bytes, said: Sequence[tuple[str, int, bytes]] = ()) -> dict[str, Any]:
    """Return what a receipt of a package says."""
    digest = sha512(content).hex()
    copies = [("paris", "Paris"), ("lyon", "Lyon")]
    return {
        "format": "chartrier-receipt/1",
        "probative": True,
        "transfer": TRANSFER,
        "establishment": ESTABLISHMENT,
        "aip": package.aip,
        "version": package.version,
        "accepted_at": time(START),
        "issued_at": time(START),
        "aip_sha512": digest,
        "aip_size": len(content),
        "group": group(package.digests).hex(),
        "members": len(package.members),
        "copies": [
            {"place": place, "sha512": digest, "site": site, "verified_at": time(START)} for site, place in copies
        ],
        "lines": [{"journal": name, "number": place, "sha512": sha512(line).hex()} for name, place, line in said],
    }


def receipt(payload: dict[str, Any]) -> bytes:
    return jws("chartrier-receipt+jws", payload)
