"""Evidence records (RFC 4998): what an outsider needs to see that some data existed before a moment.

The form is described in docs/proof-format.md, "Evidence records"; what proves what is `hash_tree`'s.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asn1crypto import core, parser, tsp
from asn1crypto.algos import DigestAlgorithm

from services.proof.domain.hash_tree import Path

_UNIVERSAL, _CONSTRUCTED = 0, 1


@dataclass(frozen=True, slots=True)
class Stamp:
    """One `ArchiveTimeStamp`: the token (DER) over the root that `path` leads to.

    `path` has the leaf's own list first: the digest that is proven, or all those of its group.
    """

    algorithm: str
    path: Path
    token: bytes


class _Chain(core.SequenceOf):  # type: ignore[misc]  # asn1crypto has no types
    _child_spec = tsp.ArchiveTimeStamp


# asn1crypto leaves out the level of chains, which RFC 4998, section 5, has between the sequence and its stamps.
class _Chains(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _Chain


class _EvidenceRecord(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012 (as asn1crypto reads it)
        ("version", core.Integer),
        ("digest_algorithms", tsp.DigestAlgorithms),
        ("crypto_infos", tsp.Attributes, {"implicit": 0, "optional": True}),
        ("encryption_info", tsp.EncryptionInfo, {"implicit": 1, "optional": True}),
        ("archive_time_stamp_sequence", _Chains),
    ]


def sequence_der(chains: Sequence[Sequence[Stamp]]) -> bytes:
    """Return the DER of the `ArchiveTimeStampSequence`: what a renewal of the tree takes the digest of (section 5.3).

    `chains` has the oldest chain first, and in each the oldest stamp first. Raises `ValueError` for a token that is
    none, and where a chain has no stamp, or stamps of two algorithms (section 5.2).
    """
    return bytes(_sequence(chains).dump())


def evidence_record(chains: Sequence[Sequence[Stamp]]) -> bytes:
    """Return the record (DER) of what the first list of each chain's first stamp has; as for `sequence_der`."""
    algorithms = dict.fromkeys(stamp.algorithm for chain in chains for stamp in chain)
    record = _EvidenceRecord(
        {
            "version": 1,
            "digest_algorithms": [_algorithm(name) for name in algorithms],
            "archive_time_stamp_sequence": _sequence(chains),
        }
    )
    return bytes(record.dump())


def _sequence(chains: Sequence[Sequence[Stamp]]) -> _Chains:
    if not chains or not all(chains) or any(len({stamp.algorithm for stamp in chain}) > 1 for chain in chains):
        raise ValueError("a record has chains, each of stamps with one algorithm")
    return _Chains([_Chain([_time_stamp(stamp) for stamp in chain]) for chain in chains])


def _token(der: bytes) -> tsp.ContentInfo:
    token = tsp.ContentInfo.load(der, strict=True)
    if token["content_type"].native != "signed_data":
        raise ValueError("a token is signed data")
    # Its bytes stay as they are: asn1crypto writes again only what was changed.
    return token


def _time_stamp(stamp: Stamp) -> tsp.ArchiveTimeStamp:
    return tsp.ArchiveTimeStamp(
        {
            "digest_algorithm": _algorithm(stamp.algorithm),
            "reduced_hashtree": tsp.PartialHashtrees.load(_sequence_of(map(_list, stamp.path))),
            "time_stamp": _token(stamp.token),
        }
    )


def _list(digests: Iterable[bytes]) -> bytes:
    # Written here: a group may have 100,000 digests, for which asn1crypto needs seven seconds.
    return _sequence_of(b"\x04%c%b" % (len(digest), digest) for digest in digests)


def _sequence_of(encoded: Iterable[bytes]) -> bytes:
    return bytes(parser.emit(_UNIVERSAL, _CONSTRUCTED, core.Sequence.tag, b"".join(encoded)))


def _algorithm(name: str) -> DigestAlgorithm:
    return DigestAlgorithm({"algorithm": name})
