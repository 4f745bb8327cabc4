"""Leaves of a renewal of trees (RFC 4998, section 5.3): what is there today, bound to what proved it until now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import rfc8785

from services.proof.domain.hash_tree import HashTree, group_value
from services.proof.domain.renewals import digest


@dataclass(frozen=True, slots=True)
class PackageLeaf:
    """A version of a package under a new tree: the digests of its group, ascending, and their value."""

    aip: UUID
    version: int
    digests: bytes
    leaf: bytes
    position: int

    def row(self, size: int) -> bytes:
        """Return its row, without line feed; `size` is that of a digest."""
        members = len(self.digests) // size
        return rfc8785.dumps(
            {"aip": str(self.aip), "leaf": self.leaf.hex(), "members": members, "version": self.version}
        )


@dataclass(frozen=True, slots=True)
class LinesLeaf:
    """A run of lines under a new tree: the leaf of each line, one after the other, and the root of their tree."""

    journal: int
    name: str
    first: int
    last: int
    digests: bytes
    root: bytes
    position: int

    @property
    def row(self) -> bytes:
        """Return its row, without line feed."""
        return rfc8785.dumps({"first": self.first, "journal": self.name, "last": self.last, "root": self.root.hex()})


def bound(algorithm: str, content: bytes, sequence: bytes) -> bytes:
    """Return the digest of a content's digest and of the digest of its sequence, in this order (unsorted)."""
    return digest(algorithm, content + digest(algorithm, sequence))


def bound_group(algorithm: str, files: Iterable[bytes], sequence: bytes) -> tuple[bytes, bytes]:
    """Return the digests of a group, one after the other, and its value; `files` are digests of files."""
    of_sequence = digest(algorithm, sequence)
    members = sorted({digest(algorithm, each + of_sequence) for each in files})
    return b"".join(members), group_value(members, algorithm)


def bound_lines(algorithm: str, bodies: Sequence[bytes], sequences: Iterable[bytes]) -> tuple[bytes, bytes]:
    """Return the leaf of each line, one after the other, and the root of their tree."""
    leaves = [
        bound(algorithm, digest(algorithm, body), sequence) for body, sequence in zip(bodies, sequences, strict=True)
    ]
    return b"".join(leaves), HashTree(leaves, algorithm).root
