"""The port over a key that pyHanko can sign with, wherever it lies."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pyhanko.sign.signers import Signer

from services.proof.signing import jws
from services.proof.signing.algorithms import Algorithm, Asn1, algorithm_of
from services.proof.signing.chains import below_root, is_marked
from services.proof.signing.verifying import is_signed_by
from shared.clock import now
from shared.messaging.outcome import TryAgain


class SignerEnded(TryAgain):
    """The certificate of the key has ended: nothing is signed until there is another."""


class WrongSignature(TryAgain):
    """What was signed is not by the key of the certificate: nothing of it is kept."""


class HeldKey:
    """A key at hand, in this process."""

    def __init__(self, pdf: Signer, chain: tuple[Asn1, ...], clock: Callable[[], datetime] = now) -> None:
        """Take a key of `chain[0]`. Raises `UnusableKey` where no algorithm of ours goes with it."""
        self._pdf = pdf
        self._chain = chain
        self._clock = clock
        self._algorithm: Algorithm = algorithm_of(chain[0])
        self.probative = not is_marked(chain[0])

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """Return the certificates of the chain, in DER, the key's own first."""
        return tuple(one.dump() for one in self._chain)

    @property
    def ends_at(self) -> datetime:
        """Return when the key's own certificate ends."""
        ends: datetime = self._chain[0].not_valid_after
        return ends

    @property
    def digest(self) -> str:
        """Return the digest that goes with the key."""
        return self._algorithm.digest

    @property
    def pdf(self) -> Signer:
        """Return the key as pyHanko has it."""
        return self._pdf

    async def open(self) -> None:
        """Do nothing: the key is here."""

    async def sign(self, typ: str, payload: Mapping[str, Any]) -> str:
        """Return a compact JWS, verified.

        Raises `SignerEnded` once the certificate has ended, `WrongSignature` where another key than its own signed.
        """
        if self._clock() >= self.ends_at:
            raise SignerEnded("the certificate of the archive's key has ended")
        signed = jws.signing_input(self._algorithm, typ, below_root(self._chain), payload)
        signature = await self._pdf.async_sign_raw(signed.encode(), self._algorithm.digest)
        if not is_signed_by(self._chain[0], signed.encode(), signature):
            raise WrongSignature("the archive's key signs otherwise than its certificate says")
        return jws.compact(signed, signature, self._algorithm)

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""
