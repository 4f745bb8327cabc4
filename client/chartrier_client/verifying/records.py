"""Evidence records (RFC 4998): their form, and the bytes that renewals are computed over."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from asn1crypto import core, tsp

from chartrier_client.verifying.checks import Malformed
from chartrier_client.verifying.paths import digest_name
from chartrier_client.verifying.tokens import NONSENSE, Asn1, Token, read_token

LARGEST: Final = 512 << 20
MOST_STAMPS: Final = 1000
MOST_CHAINS: Final = 64
"""Each of them has a digest over all before it: of many, a small file would take for ever."""


class _Chain(core.SequenceOf):  # type: ignore[misc]  # (asn1crypto publishes no types)
    _child_spec = tsp.ArchiveTimeStamp


class _Chains(core.SequenceOf):  # type: ignore[misc]
    # asn1crypto's own ArchiveTimeStampSequence lacks the level of chains.
    _child_spec = _Chain


class _Record(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012 (asn1crypto's way)
        ("version", tsp.Version),
        ("digest_algorithms", tsp.DigestAlgorithms),
        ("crypto_infos", tsp.Attributes, {"implicit": 0, "optional": True}),
        ("encryption_info", tsp.EncryptionInfo, {"implicit": 1, "optional": True}),
        ("archive_time_stamp_sequence", _Chains),
    ]


@dataclass(frozen=True, slots=True)
class Stamp:
    """One `ArchiveTimeStamp`: its algorithm, its path (`reducedHashtree`, empty where there is none), its token."""

    algorithm: str
    path: tuple[tuple[bytes, ...], ...]
    token: Token


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """The chains of a record; the content (DER) of its sequence, and how much of it there was before each chain."""

    chains: tuple[tuple[Stamp, ...], ...]
    content: bytes
    before: tuple[int, ...]

    def sequence_digest(self, chain: int, algorithm: str) -> bytes:
        """Return the digest of the sequence before a chain; raises `ValueError` for an unknown algorithm."""
        length = self.before[chain]
        hashed = hashlib.new(algorithm, _head(length))
        hashed.update(memoryview(self.content)[:length])
        return hashed.digest()

    @property
    def algorithms(self) -> frozenset[str]:
        """The digests that are needed of its data."""
        return frozenset(chain[0].algorithm for chain in self.chains)

    @property
    def members(self) -> frozenset[bytes]:
        """The digests of the group that its first time-stamp proves; empty where it has no tree."""
        path = self.chains[0][0].path
        return frozenset(path[0]) if path else frozenset()


def read_record(der: bytes) -> EvidenceRecord:
    """Read a record; raises `Malformed` for whatever is none."""
    if len(der) > LARGEST:
        raise Malformed("too_large", limit=LARGEST)
    try:
        return _read(der)
    except NONSENSE as error:
        raise Malformed("record_unreadable") from error


def _read(der: bytes) -> EvidenceRecord:
    record = _Record.load(der, strict=True)
    if record["version"].native != "v1" or not isinstance(record["encryption_info"], core.Void):
        raise Malformed("record_unreadable")
    chains, before, length, sequence = [], [], 0, record["archive_time_stamp_sequence"]
    if len(sequence) > MOST_CHAINS or sum(map(len, sequence)) > MOST_STAMPS:
        raise Malformed("record_stamps", limit=MOST_STAMPS)
    for chain in sequence:
        before.append(length)
        length += len(chain.dump())
        chains.append(tuple(_stamp(each) for each in chain))
    if not chains or not all(chains):
        raise Malformed("record_unreadable")
    named = {digest_name(each["algorithm"].native) for each in record["digest_algorithms"]}
    if named != {stamp.algorithm for chain in chains for stamp in chain}:
        raise Malformed("record_algorithms", named=", ".join(sorted(named)))
    return EvidenceRecord(tuple(chains), sequence.contents, tuple(before))


def _stamp(stamp: Asn1) -> Stamp:
    token = read_token(stamp["time_stamp"].dump())
    told, tree = stamp["digest_algorithm"], stamp["reduced_hashtree"]
    algorithm = token.algorithm if isinstance(told, core.Void) else digest_name(told["algorithm"].native)
    path = () if isinstance(tree, core.Void) else tuple(tuple(each.native for each in step) for step in tree)
    if any(not step for step in path):
        raise Malformed("record_unreadable")
    return Stamp(algorithm, path, token)


def _head(length: int) -> bytes:
    """Return how the DER of a SEQUENCE of so many bytes begins."""
    if length < 0x80:
        return bytes([0x30, length])
    size = (length.bit_length() + 7) // 8
    return bytes([0x30, 0x80 | size]) + length.to_bytes(size, "big")


@dataclass(frozen=True, slots=True)
class Proven:
    """What a record is to prove: the digests of the parts of it, by algorithm, then by name.

    `strict`: all of them; else what is outside of the group is only not proven by it.
    """

    digests: Mapping[str, Mapping[str, bytes]]
    strict: bool = True

    def of(self, algorithm: str) -> Mapping[str, bytes]:
        """Return name → digest of its parts, empty where nobody computed these."""
        return self.digests.get(algorithm, {})
