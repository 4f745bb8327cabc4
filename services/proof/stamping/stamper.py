"""A time-stamp from one of several authorities: the next one is asked where one fails."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from services.proof.signing.algorithms import Asn1
from services.proof.stamping import measures
from services.proof.stamping.authority import Authority
from services.proof.stamping.embedding import embed
from services.proof.stamping.errors import UNREADABLE, NobodyStamps, NotStamped, WrongToken
from services.proof.stamping.fetching import Fetcher
from services.proof.stamping.query import Asked, ask
from services.proof.stamping.revocation import look_up
from services.proof.stamping.token import (
    Token,
    check_answer,
    check_signature,
    check_time,
    check_usage,
    drift_of,
    read_token,
    token_in,
)
from services.proof.stamping.trusting import chain_to, check_trust
from shared.clock import now

log = logging.getLogger(__name__)

FARTHEST: Final = timedelta(seconds=10)
"""How far an authority's time may be from ours, unless a setting says otherwise."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A token (DER, CMS SignedData), whole: with the certificates and the revocation data that verify it.

    `drift` is how many seconds the authority's clock is ahead of ours; `certificate_ends` when the first of its
    certificates does; `revocation` whether it is known that none of them was revoked.
    """

    token: bytes
    authority: str
    at: datetime
    serial: int
    drift: float
    certificate_ends: datetime
    probative: bool
    revocation: bool

    def kept(self) -> dict[str, Any]:
        """Return what is kept of it beside what it stamps: by column of seals, and of renewals."""
        return {
            "token": self.token,
            "authority": self.authority,
            "serial": str(self.serial),
            "drift": timedelta(seconds=self.drift),
            "certificate_ends": self.certificate_ends,
            "token_at": self.at,
        }


class Stamper:
    """Asks the authorities in turn, each request beginning with the next: none is left until it is needed."""

    def __init__(
        self,
        authorities: Sequence[Authority],
        fetcher: Fetcher,
        *,
        clock: Callable[[], datetime] = now,
        farthest: timedelta = FARTHEST,
        drifted: Callable[[str, timedelta], None] = measures.show_drift,
    ) -> None:
        """Take the authorities; `drifted` hears by how much each one's clock is ahead of ours."""
        self._authorities = tuple(authorities)
        self._fetcher = fetcher
        self._clock = clock
        self._farthest = farthest
        self._drifted = drifted
        self._next = 0

    @property
    def probative(self) -> bool:
        """Say whether what is stamped here may be shown as proof."""
        return all(one.probative for one in self._authorities)

    @property
    def anchors(self) -> tuple[Asn1, ...]:
        """Return the roots that tokens of these authorities lead to."""
        return tuple(anchor for one in self._authorities for anchor in one.anchors)

    async def stamp(self, digest: bytes, algorithm: str) -> Stamped:
        """Return a time-stamp of a digest, which `algorithm` (as hashlib calls it) made.

        Raises `NobodyStamps` when no authority gave one that may be kept (PRV-11).
        """
        first, self._next = self._next, (self._next + 1) % len(self._authorities)
        for authority in (*self._authorities[first:], *self._authorities[:first]):
            try:
                stamped = await self._stamp(authority, ask(digest, algorithm, authority.policy))
            except NotStamped as error:
                measures.failed(authority.name, error.outcome)
                log.warning("not stamped", extra={"authority": authority.name, "reason": str(error)})
                continue
            measures.stamped(authority.name, stamped.certificate_ends)
            return stamped
        raise NobodyStamps(f"none of {len(self._authorities)} time-stamping authorities")

    async def _stamp(self, authority: Authority, asked: Asked) -> Stamped:
        sent = self._clock()
        response = await authority.answer(asked.der)
        received = self._clock()
        try:
            token = read_token(token_in(response))
            return await self._checked(authority, asked, token, (sent, received))
        except UNREADABLE as error:
            raise WrongToken(f"it cannot be read: {type(error).__name__}") from error

    async def _checked(
        self, authority: Authority, asked: Asked, token: Token, asking: tuple[datetime, datetime]
    ) -> Stamped:
        check_answer(token, asked)
        check_usage(token.certificate)
        check_signature(token)
        others = (*token.certificates, *authority.others)
        # Before anything that its certificates name is asked: anybody may have written them.
        chain = await chain_to(authority.anchors, token.certificate, others, token.at)
        published = await look_up(chain, token.at, self._fetcher)
        known = await check_trust(token.certificate, authority.anchors, published, token.at)
        if authority.requires_revocation and not known:
            raise WrongToken("nobody says that its certificates were not revoked")
        # Told of an authority that is who it should be, and not of anybody.
        drift = drift_of(token, *asking)
        self._drifted(authority.name, drift)
        check_time(token, *asking, self._farthest)
        whole = embed(token.der, published.chain, published.crls, published.answers)
        # What is kept is what was checked: the same, once written again.
        check_signature(read_token(whole))
        return Stamped(
            token=whole,
            authority=authority.name,
            at=token.at,
            serial=token.serial,
            drift=drift.total_seconds(),
            certificate_ends=min(one.not_valid_after for one in published.chain),
            probative=authority.probative,
            revocation=known,
        )
