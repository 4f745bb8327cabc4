"""How long a time-stamp token proves something by itself: its certificates, and the algorithms it rests on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms, core, x509
from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a certificate, by kind and bits."""

    kind: str
    bits: int

    @override
    def __str__(self) -> str:
        return f"{self.kind} {self.bits}"


@dataclass(frozen=True, slots=True)
class TokenLife:
    """When the first of a token's certificates ends, and what it and they are signed with.

    The algorithm of the imprint is not among them: that is the tree's.
    """

    ends: datetime
    digests: frozenset[str]
    keys: frozenset[Key]

    def until(
        self, digest_ends: Callable[[str], datetime], key_ends: Callable[[str, int], datetime]
    ) -> tuple[datetime, str]:
        """Return when the token ceases to prove something, and why: ``certificate``, or an algorithm."""
        ends = [(self.ends, "certificate")]
        ends += [(digest_ends(name), name) for name in sorted(self.digests)]
        ends += [(key_ends(key.kind, key.bits), str(key)) for key in sorted(self.keys, key=str)]
        return min(ends, key=lambda one: one[0])


def life_of(token: bytes, certificate_ends: datetime | None) -> TokenLife:
    """Return the life of a token (DER); `certificate_ends` is what is known of it since it was stamped.

    Raises `ValueError` for bytes that are no token.
    """
    signed = cms.ContentInfo.load(token, strict=True)["content"]
    certificates = list(_certificates(signed))
    info = signed["signer_infos"][0]
    digests = {info["digest_algorithm"]["algorithm"].native}
    # The signature of a root is nobody's reason to believe it.
    below = [one for one in certificates if one.subject != one.issuer]
    digests |= {one.hash_algo for one in below}
    keys = {Key(_kind(one), one.public_key.bit_size) for one in certificates}
    if certificate_ends is None:
        certificate_ends = min(one.not_valid_after for one in below or certificates)
    return TokenLife(certificate_ends, frozenset(digests), frozenset(keys))


def _certificates(signed: Any) -> Iterator[Any]:  # noqa: ANN401 (asn1crypto publishes no types)
    given = () if isinstance(signed["certificates"], core.Void) else signed["certificates"]
    for one in given:
        if isinstance(one.chosen, x509.Certificate):
            yield one.chosen


def _kind(certificate: Any) -> str:  # noqa: ANN401 (asn1crypto publishes no types)
    kind: str = certificate.public_key.algorithm
    return "rsa" if kind.startswith("rsa") else kind
