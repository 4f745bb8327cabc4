"""Hash trees of RFC 4998, section 4.2: many digests under one root, and the way from each of them to it.

The form is described for readers of any language in docs/proof-format.md, "Hash trees".
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

SHA512 = "sha512"
"""The algorithm of every tree, as both hashlib and asn1crypto name it, until it has weakened."""

Path = tuple[tuple[bytes, ...], ...]
"""Lists of digests, from a leaf upwards."""


class HashTree:
    """The tree over `values`, one a leaf: a digest each, or `group_value` of several.

    Values may also be given as one run of bytes, digest after digest. Raises `ValueError` for no value, for one that
    is not as long as the algorithm's digests, and for an algorithm that hashlib does not know.
    """

    def __init__(self, values: Sequence[bytes] | bytes, algorithm: str = SHA512) -> None:
        hash_of = _hash_of(algorithm)
        level = split(values, algorithm) if isinstance(values, bytes) else list(values)
        size = hash_of(b"").digest_size
        if not level or any(len(value) != size for value in level):
            raise ValueError(f"a tree of {algorithm} needs values of {size} bytes, one at least")
        self._levels = [level]
        while len(level) > 1:
            level = _above(level, hash_of)
            self._levels.append(level)

    @property
    def root(self) -> bytes:
        """Return the one value at the top."""
        return self._levels[-1][0]

    def value(self, position: int) -> bytes:
        """Return the leaf at `position` (from 0)."""
        return self._levels[0][position]

    def path(self, position: int) -> Path:
        """Return the neighbours on the way from the leaf at `position` (from 0) to the root.

        One list a level, the lowest first; a level at which there is no neighbour has none. The leaf's own list,
        which comes before them in a record, is not among them. Raises `IndexError` where there is no such leaf.
        """
        if not 0 <= position < len(self._levels[0]):
            raise IndexError(f"no leaf {position}")
        path = []
        for level in self._levels[:-1]:
            neighbour = position ^ 1
            if neighbour < len(level):
                path.append((level[neighbour],))
            position //= 2
        return tuple(path)


def _above(level: Sequence[bytes], hash_of: Callable[[bytes], "hashlib._Hash"]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    nodes = [hash_of(one + other if one < other else other + one).digest() for one, other in pairs]
    # A last one without neighbour goes up as it is (RFC 4998, section 4.2.1).
    return [*nodes, level[-1]] if len(level) % 2 else nodes


def group_value(digests: Iterable[bytes], algorithm: str = SHA512) -> bytes:
    """Return the value of a leaf that is a group: of its digests in ascending order, without doubles.

    A group of one is that digest (RFC 4998, section 4.2.1). Raises `ValueError` for none.
    """
    members = sorted(set(digests))
    if not members:
        raise ValueError("a group has one digest at least")
    return members[0] if len(members) == 1 else _hash_of(algorithm)(b"".join(members)).digest()


def split(run: bytes, algorithm: str = SHA512) -> list[bytes]:
    """Return the digests in a run of them; raises `ValueError` where the last one is cut off."""
    size = digest_size(algorithm)
    if len(run) % size:
        raise ValueError(f"{len(run)} bytes are no whole number of digests of {algorithm}")
    return [run[at : at + size] for at in range(0, len(run), size)]


def digest_size(algorithm: str) -> int:
    """Return how many bytes a digest has."""
    return _hash_of(algorithm)(b"").digest_size


def _hash_of(algorithm: str) -> Callable[[bytes], "hashlib._Hash"]:
    """Return the constructor itself, which is faster than `hashlib.new`."""
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):  # of no size of its own
        raise ValueError(f"{algorithm} is no algorithm that every Python has")
    constructor: Callable[[bytes], hashlib._Hash] = getattr(hashlib, algorithm)
    return constructor
