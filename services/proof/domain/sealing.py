"""What goes under the root of one seal, put together row by row: heads, runs of lines, groups of packages.

The order of leaves is that of docs/proof-format.md: `seal.json`; each journal's row, and behind it the tree of its
new lines; each package.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.proof.domain.hash_tree import HashTree
from services.proof.domain.line import Head
from services.proof.domain.proofs import Run, Table, deposit_row, head_row
from shared.checksums import Measure, Meter

MOST_PACKAGES, MOST_BYTES = 20_000, 64 * 1024**2
"""Packages, and bytes of their digests, of one seal: a backlog comes under several, which a rebuild reads whole."""

DIGEST = 64
"""Bytes of a digest by the algorithm of seals, SHA-512."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A journal as a seal finds it; `sealed` is the last line that a seal before covers."""

    id: int
    name: str
    establishment: UUID | None
    head: Head
    sealed: int


@dataclass(frozen=True, slots=True)
class Package:
    """A version of a package with its group: `digests` one after the other, ascending."""

    aip: UUID
    version: int
    establishment: UUID
    leaf: bytes
    digests: bytes

    @property
    def row(self) -> bytes:
        """Return its row in the table of deposits, with the line feed."""
        members = len(self.digests) // DIGEST
        return deposit_row(self.aip, self.version, self.establishment, self.leaf, members) + b"\n"


@dataclass(frozen=True, slots=True)
class Covered:
    """A journal of which a seal covers new lines; `position` is its row's among the leaves, its run is next."""

    journal: int
    position: int
    head: Head
    run: Run


@dataclass(slots=True)
class Sheet:
    """The leaves of one seal: of all journals and the digests of their new lines, then of packages in order."""

    standings: Sequence[Standing]
    digests: Mapping[int, bytes]
    heads: bytes = b""
    holed: list[Standing] = field(default_factory=list)
    covered: list[Covered] = field(default_factory=list)
    _leaves: list[bytes] = field(default_factory=list)
    _packages: list[tuple[UUID, int, int]] = field(default_factory=list)
    _deposits: Meter = field(default_factory=Meter)
    _members: Meter = field(default_factory=Meter)

    def __post_init__(self) -> None:
        """Lay out the journals."""
        rows = [self._lay(one) for one in self.standings]
        self.heads = b"".join(row + b"\n" for row in rows)

    def _lay(self, one: Standing) -> bytes:
        new = self.digests.get(one.id, b"")
        if len(new) != DIGEST * (one.head.number - one.sealed):
            # Lines that it counts are not there, or those that were sealed are counted no more: it is not covered up.
            self.holed.append(one)
            new = b""
        run = None if not new else Run(one.sealed + 1, one.head.number, HashTree(new).root)
        row = head_row(one.name, one.establishment, one.head, run)
        if run is not None:
            self.covered.append(Covered(one.id, self._position, one.head, run))
        self._leaves.append(hashlib.sha512(row).digest())
        if run is not None:
            self._leaves.append(run.root)
        return row

    @property
    def _position(self) -> int:
        """Return where the next leaf stands; `seal.json` is the first of all."""
        return 1 + len(self._leaves)

    def add(self, package: Package) -> None:
        """Lay the next package."""
        self._packages.append((package.aip, package.version, self._position))
        self._leaves.append(package.leaf)
        self._deposits.update(package.row)
        self._members.update(package.digests)

    @property
    def is_full(self) -> bool:
        """Say whether the next packages are for the next seal."""
        return len(self._packages) >= MOST_PACKAGES or self._members.size >= MOST_BYTES

    def positions(self) -> Sequence[tuple[UUID, int, int]]:
        """Return each package's id, version and position among the leaves."""
        return self._packages

    def tables(self) -> tuple[Table, Table, Measure]:
        """Return what `seal.json` says of heads, of deposits and of their members."""
        heads = Meter()
        heads.update(self.heads)
        return (
            Table(len(self.standings), heads.measure()),
            Table(len(self._packages), self._deposits.measure()),
            self._members.measure(),
        )

    def tree(self, body: bytes) -> tuple[bytes, bytes]:
        """Return the values of all leaves one after the other, and the root; `body` is `seal.json`."""
        values = [hashlib.sha512(body).digest(), *self._leaves]
        return b"".join(values), HashTree(values).root
