"""Evidence of several generations, made with the archive's trees and records and a time-stamper of our PKI."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from asn1crypto import keys, x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.sign.timestamps import DummyTimeStamper

from services.proof.domain.evidence_record import Stamp, sequence_der
from services.proof.domain.hash_tree import HashTree, group_value
from tests.builders.pki import Holder, Wanted, authority, der_of, issue

Group = Sequence[bytes]
"""The contents that are proven together; one alone is a group of one."""

Chains = tuple[tuple[Stamp, ...], ...]

YEARS = timedelta(days=4 * 365)
"""How long a time-stamper has its certificate."""

TIMES = tuple(datetime(year, 1, 15, 3, tzinfo=UTC) for year in (2026, 2029, 2032, 2035))
"""When each generation is stamped; the certificate of one is still good when the next is made."""


def stamper(at: datetime) -> Holder:
    """Return who stamps at a moment, with a certificate that is good for `YEARS`."""
    since = at - timedelta(days=30)
    return issue(Wanted("Horodatage", key="2048", stamps=True, since=since, until=since + YEARS), authority())


async def token(digest: bytes, algorithm: str, at: datetime) -> bytes:
    """Return a time-stamp token (DER) of a moment, with every certificate below the root."""
    holder = stamper(at)
    key = keys.PrivateKeyInfo.load(holder.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    above = [x509.Certificate.load(der_of(certificate)) for certificate in holder.above]
    dummy = DummyTimeStamper(
        x509.Certificate.load(holder.der), key, certs_to_embed=above, fixed_dt=at, override_md="sha512"
    )
    stamped = await dummy.async_timestamp(digest, algorithm)
    return bytes(stamped.dump(force=True))


async def first_generation(groups: Sequence[Group], algorithm: str, at: datetime) -> list[Chains]:
    """Return the chains of each group, under one tree with one token."""
    members = [[_h(algorithm, content) for content in group] for group in groups]
    return [((stamp,),) for stamp in await _stamps(members, algorithm, at)]


async def stamp_renewed(proven: Sequence[Chains], at: datetime) -> list[Chains]:
    """Return the chains with one more time-stamp each, over the last token (RFC 4998, section 5.2)."""
    algorithm = proven[0][-1][-1].algorithm
    tokens = list(dict.fromkeys(chains[-1][-1].token for chains in proven))
    header = _h(algorithm, b"the first leaf of a renewal is what the renewal is")
    stamps = await _stamps([[header], *([_h(algorithm, each)] for each in tokens)], algorithm, at)
    renewed = dict(zip(tokens, stamps[1:], strict=True))
    return [(*chains[:-1], (*chains[-1], renewed[chains[-1][-1].token])) for chains in proven]


async def tree_renewed(
    groups: Sequence[Group], proven: Sequence[Chains], algorithm: str, at: datetime
) -> list[Chains]:
    """Return the chains with one more chain each, over the data and all chains so far (RFC 4998, section 5.3)."""
    members = []
    for group, chains in zip(groups, proven, strict=True):
        until_now = _h(algorithm, sequence_der(chains))
        members.append([_h(algorithm, _h(algorithm, content) + until_now) for content in group])
    stamps = await _stamps(members, algorithm, at)
    return [(*chains, (stamp,)) for chains, stamp in zip(proven, stamps, strict=True)]


async def _stamps(members: Sequence[Sequence[bytes]], algorithm: str, at: datetime) -> list[Stamp]:
    tree = HashTree([group_value(digests, algorithm) for digests in members], algorithm)
    stamped = await token(tree.root, algorithm, at)
    own = (tuple(sorted(set(digests))) for digests in members)
    return [Stamp(algorithm, (first, *tree.path(index)), stamped) for index, first in enumerate(own)]


def _h(algorithm: str, content: bytes) -> bytes:
    return hashlib.new(algorithm, content).digest()
