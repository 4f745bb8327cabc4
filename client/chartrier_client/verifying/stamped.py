"""What seals and renewals have in common: a header, rows, groups, one tree over all of it, a token, a signature."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

from chartrier_client.verifying import shapes
from chartrier_client.verifying.canonical import read_canonical
from chartrier_client.verifying.checks import Malformed, Subject
from chartrier_client.verifying.jws import SEAL, Jws, judge_jws, read_jws
from chartrier_client.verifying.paths import Moments, judge_end
from chartrier_client.verifying.stampers import judge_token
from chartrier_client.verifying.tars import Member
from chartrier_client.verifying.tokens import Token, read_token
from chartrier_client.verifying.trees import digest, group_value, root
from chartrier_client.verifying.trust import Grounds

LARGEST_DOCUMENT: Final = 1 << 20
LONGEST_ROW: Final = 1 << 16
MOST_LEAVES: Final = 5_000_000
"""Some 500 MiB of memory."""

DRIFT: Final = timedelta(minutes=5)
"""How far our clocks and those of time-stampers may differ before a token is said to precede what it stamps."""

Row = Callable[[dict[str, Any], bytes], None]


@dataclass(slots=True)
class Stamped:
    """A seal or a renewal as it is read; `digests` are those of groups, value and number of members each."""

    header: dict[str, Any] = field(default_factory=dict)
    document: bytes = b""
    leaves: list[bytes] = field(default_factory=list)
    groups: list[tuple[bytes, int]] = field(default_factory=list)
    root: bytes = b""
    token: Token | None = None
    signature: Jws | None = None

    @property
    def number(self) -> int:
        """Its number."""
        return int(self.header["number"])

    @property
    def sha512(self) -> str:
        """The SHA-512 of its header, in hexadecimal."""
        return digest(self.document).hex()

    @property
    def algorithm(self) -> str:
        """The digest of its tree."""
        return str(self.header["algorithm"])

    def add(self, leaf: bytes) -> None:
        """Take the value of one more leaf; raises `Malformed` beyond all measure."""
        if len(self.leaves) >= MOST_LEAVES:
            raise Malformed("too_large", limit=MOST_LEAVES)
        self.leaves.append(leaf)

    def read_header(self, member: Member, shape: Mapping[str, shapes.Is], grounds: Grounds) -> None:
        """Read what it says of itself: the first leaf of its tree."""
        self.document = member.read(LARGEST_DOCUMENT)
        self.header = read_canonical(self.document)
        shapes.fits(self.header, shape)
        if not grounds.algorithms.knows(self.algorithm):
            raise Malformed("algorithm_unknown", algorithm=self.algorithm)
        self.add(digest(self.document, self.algorithm))


def read_rows(member: Member, take: Row) -> tuple[int, str]:
    """Read rows of canonical JSON; return how many there are and the SHA-512 of all."""
    whole, count = hashlib.sha512(), 0
    for line in member.lines(LONGEST_ROW):
        whole.update(line + b"\n")
        take(read_canonical(line), line)
        count += 1
    return count, whole.hexdigest()


def read_groups(member: Member, stamped: Stamped, *, ascending: bool) -> str:
    """Compare the digests of each group with the value of its leaf; return the SHA-512 of all."""
    whole, width = hashlib.sha512(), hashlib.new(stamped.algorithm).digest_size
    for leaf, count in stamped.groups:
        # A count is bounded by the bytes that there are before any are read.
        if count * width > member.left:
            raise Malformed("members_missing")
        content = member.exactly(count * width)
        whole.update(content)
        digests = [content[place : place + width] for place in range(0, len(content), width)]
        if ascending and any(one >= other for one, other in pairwise(digests)):
            raise Malformed("members_order", leaf=leaf.hex())
        if group_value(digests, stamped.algorithm) != leaf:
            raise Malformed("group_wrong", leaf=leaf.hex())
    if member.left:
        raise Malformed("members_left")
    return whole.hexdigest()


def read_end(stamped: Stamped, token: bytes, signature: bytes) -> None:
    """Read the token and the signature, and build the tree; its leaves are let go."""
    stamped.token = read_token(token)
    stamped.signature = read_jws(signature)
    stamped.root = root(stamped.leaves, stamped.algorithm)
    stamped.leaves.clear()
    stamped.groups.clear()


def judge_stamped(stamped: Stamped, moments: Moments | None, grounds: Grounds, about: Subject) -> None:
    """Check the token over the root and the signature; `moments`: None where nothing renews it."""
    token, signature = stamped.token, stamped.signature
    if token is None or signature is None:
        raise Malformed("tar_cut")
    about.same("token.algorithm", token.algorithm, stamped.algorithm)
    moments = moments or Moments(token.at, grounds.at)
    judge_end(grounds.algorithms.digest_ends(stamped.algorithm), stamped.algorithm, moments, grounds, about)
    if about.same("token.imprint", token.imprint.hex(), stamped.root.hex()):
        judge_token(token, moments, grounds, about)
    _judge_signature(stamped, signature, grounds, about)
    at = shapes.moment(stamped.header["at"])
    if token.at < at - DRIFT:
        about.failed("token.order", "stamped_before", token.at.isoformat(), at=at.isoformat())
    if not stamped.header["probative"]:
        about.without_probative_value()


def _judge_signature(stamped: Stamped, signature: Jws, grounds: Grounds, about: Subject) -> None:
    about.same("jws.typ", signature.typ, SEAL)
    shapes.fits(signature.payload, shapes.SEAL_SIGNATURE)
    signed = signature.payload
    about.same(
        "seal.signed",
        f"{signed['number']} {signed['root']} {signed['sha512']}",
        f"{stamped.number} {stamped.root.hex()} {stamped.sha512}",
    )
    judge_jws(signature, shapes.moment(stamped.header["at"]), grounds, about)
