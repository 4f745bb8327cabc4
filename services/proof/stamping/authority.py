"""Who stamps: an authority outside, by HTTP (RFC 3161, section 3.4)."""

from dataclasses import dataclass
from typing import Final, Protocol

from services.proof.signing.algorithms import Asn1
from services.proof.stamping.fetching import Fetcher

MOST_OCTETS: Final = 256 * 1024
"""Of one answer: tokens have a few thousand, and some bring their certificates and lists."""

KINDS: Final = ("application/timestamp-query", "application/timestamp-reply")


class Authority(Protocol):
    """Whom a time-stamp is asked of, and what its tokens are believed by."""

    @property
    def name(self) -> str:
        """Return what it is called here."""
        ...

    @property
    def policy(self) -> str:
        """Return the OID that its tokens must be under."""
        ...

    @property
    def anchors(self) -> tuple[Asn1, ...]:
        """Return the roots that its certificate must lead to."""
        ...

    @property
    def others(self) -> tuple[Asn1, ...]:
        """Return certificates between its own and the roots that its tokens may lack."""
        ...

    @property
    def probative(self) -> bool:
        """Say whether what it stamps may be shown as proof."""
        ...

    @property
    def requires_revocation(self) -> bool:
        """Say whether a token is refused of whose certificates nobody says that they were not revoked."""
        ...

    async def answer(self, query: bytes) -> bytes:
        """Return its answer (DER) to a request. Raises `AuthorityAway`."""
        ...


@dataclass(frozen=True, slots=True)
class RemoteAuthority:
    """An authority at a URL, with a name and password where it asks for them."""

    name: str
    url: str
    policy: str
    anchors: tuple[Asn1, ...]
    others: tuple[Asn1, ...]
    fetcher: Fetcher
    auth: tuple[str, str] | None = None
    requires_revocation: bool = False
    probative: bool = True

    async def answer(self, query: bytes) -> bytes:
        """Return its answer to a request. Raises `AuthorityAway`."""
        return await self.fetcher.post(self.url, query, KINDS, MOST_OCTETS, self.auth)
