"""Hash trees of RFC 4998, section 4.2."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

WIDTH: Final = 64
"""Bytes of a SHA-512."""


def digest(content: bytes, algorithm: str = "sha512") -> bytes:
    """Return the digest of some bytes."""
    return hashlib.new(algorithm, content).digest()


def group_value(digests: Iterable[bytes], algorithm: str = "sha512") -> bytes:
    """Return the value of a leaf: that of its one digest, or of a group of several."""
    members = sorted(set(digests))
    return members[0] if len(members) == 1 else digest(b"".join(members), algorithm)


def root(leaves: Sequence[bytes], algorithm: str = "sha512") -> bytes:
    """Return the root over the values of leaves, at least one."""
    level = list(leaves)
    while len(level) > 1:
        above = [
            digest(b"".join(sorted(level[place : place + 2])), algorithm) for place in range(0, len(level) - 1, 2)
        ]
        level = above + level[len(above) * 2 :]
    return level[0]


def climb(path: Sequence[Sequence[bytes]], algorithm: str = "sha512") -> bytes | None:
    """Return the root that a path (`reducedHashtree`) leads to from its first list; None where that is empty."""
    if not path or not path[0]:
        return None
    value = group_value(path[0], algorithm)
    for beside in path[1:]:
        value = digest(b"".join(sorted([value, *beside])), algorithm) if beside else value
    return value
