"""A key in a module (PKCS#11): a smart card, an HSM, SoftHSM; used by pyHanko, and never seen by us.

A module that was restarted, or a token that was taken out, ends the session: the next signature opens another.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pkcs11
from pyhanko.config.pkcs11 import TokenCriteria
from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session
from pyhanko.sign.signers import Signer

from services.proof.signing.algorithms import Asn1, UnusableKey, algorithm_of
from services.proof.signing.chains import in_order, read_certificates, store_of
from services.proof.signing.holding import HeldKey
from services.proof.signing.pkcs11_uri import KeyPlace
from shared.clock import now
from shared.messaging.outcome import TryAgain

FAILURES: tuple[type[Exception], ...] = (pkcs11.PKCS11Error, OSError, RuntimeError, ValueError, UnusableKey)
"""What a module that is away, half started or emptied makes of a call: its own errors, and those of loading it."""


class ModuleAway(TryAgain):
    """The module that holds the key cannot be reached, or has no such key today."""


class _Session:
    """A session with a module, and the key in it. One at a time: modules refuse two signatures at once in one."""

    def __init__(self, place: KeyPlace, certificates: Path | None) -> None:
        self._place = place
        self._certificates = certificates
        self._session: Asn1 = None
        self._signer: PKCS11Signer | None = None

    def open(self) -> tuple[Asn1, ...]:
        """Open it, and return the chain of the key's certificate. Raises what is in `FAILURES`."""
        place = self._place
        pin = place.pin_file.read_text(encoding="utf-8").strip()
        criteria = TokenCriteria(place.token, place.serial)
        self._session = open_pkcs11_session(str(place.module), token_criteria=criteria, user_pin=pin)
        signer = PKCS11Signer(
            self._session,
            key_label=place.label,
            key_id=place.identifier,
            other_certs_to_pull=None,
            **self._certificate(),
        )
        own = signer.signing_cert
        chain = in_order(own, (*signer.cert_registry, *self._more()))
        algorithm = algorithm_of(own)
        signer = PKCS11Signer(
            self._session,
            key_label=place.label,
            key_id=place.identifier,
            signing_cert=own,
            ca_chain=chain[1:],
            # What modules all know: to hash is ours for ECDSA, theirs for RSA-PSS.
            use_raw_mechanism=algorithm.coordinate is not None,
            signature_mechanism=algorithm.mechanism,
        )
        _ = signer.signing_cert  # which has it look for the key
        self._signer = signer
        return chain

    def _certificate(self) -> dict[str, Asn1]:
        return {} if self._certificates is None else {"signing_cert": read_certificates(self._certificates)[0]}

    def _more(self) -> tuple[Asn1, ...]:
        return () if self._certificates is None else read_certificates(self._certificates)

    async def sign(self, data: bytes, digest: str) -> bytes:
        """Return a signature. Raises what is in `FAILURES`."""
        if self._signer is None:
            raise RuntimeError("no session")
        signature: bytes = await self._signer.async_sign_raw(data, digest)
        return signature

    def close(self) -> None:
        """End it, and forget what the module holds for this process: it may not know of it any more."""
        session, self._session, self._signer = self._session, None, None
        with contextlib.suppress(*FAILURES):
            if session is not None:
                session.close()

    def begin_anew(self) -> tuple[Asn1, ...]:
        """Have the module look for its tokens again, and open a session. Raises what is in `FAILURES`."""
        self.close()
        # A token that was away is found by a library that is started again; and so is a login that it took for ours.
        pkcs11.lib(str(self._place.module)).reinitialize()
        return self.open()


class _TokenSigner(Signer):  # type: ignore[misc] # untyped
    """What pyHanko signs with, whatever becomes of the session behind it."""

    def __init__(self, session: _Session, chain: tuple[Asn1, ...]) -> None:
        mechanism = algorithm_of(chain[0]).mechanism
        certificates = store_of(chain)
        super().__init__(signing_cert=chain[0], cert_registry=certificates, signature_mechanism=mechanism)
        self._session = session
        self._turn = asyncio.Lock()

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: FBT001, FBT002 (pyHanko's)
        """Return a signature, or as many zeros as it may have. Raises `ModuleAway`."""
        if dry_run:
            return bytes(512)
        async with self._turn:
            try:
                return await self._session.sign(data, digest_algorithm)
            except FAILURES:
                await _reach(self._session.begin_anew)
            try:
                return await self._session.sign(data, digest_algorithm)
            except FAILURES as error:
                raise ModuleAway(f"the module of the archive's key does not sign: {type(error).__name__}") from error


class ModuleKey:
    """A key in a module, reached when it is first needed."""

    def __init__(
        self, place: KeyPlace, certificates: Path | None = None, clock: Callable[[], datetime] = now
    ) -> None:
        self._session = _Session(place, certificates)
        self._clock = clock
        self._key: HeldKey | None = None
        self._opening = asyncio.Lock()

    @property
    def _held(self) -> HeldKey:
        if self._key is None:
            raise ModuleAway("the module of the archive's key was not reached yet")
        return self._key

    @property
    def probative(self) -> bool:
        """Say whether what this key signs may be shown as proof; thought so of one that was not reached yet."""
        return self._key is None or self._key.probative

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """Return the certificates of the chain, in DER. Raises `ModuleAway` before the module was reached."""
        return self._held.certificates

    @property
    def ends_at(self) -> datetime:
        """Return when the key's own certificate ends. Raises `ModuleAway` before the module was reached."""
        return self._held.ends_at

    @property
    def digest(self) -> str:
        """Return the digest that goes with the key. Raises `ModuleAway` before the module was reached."""
        return self._held.digest

    @property
    def pdf(self) -> Signer:
        """Return the key as pyHanko has it. Raises `ModuleAway` before the module was reached."""
        return self._held.pdf

    async def open(self) -> None:
        """Reach the module. Raises `ModuleAway`."""
        async with self._opening:
            if self._key is None:
                chain = await _reach(self._session.begin_anew)
                self._key = HeldKey(_TokenSigner(self._session, chain), chain, self._clock)

    async def sign(self, typ: str, payload: Mapping[str, Any]) -> str:
        """Return a compact JWS. Raises `ModuleAway`, and `SignerEnded` once the certificate has ended."""
        await self.open()
        return await self._held.sign(typ, payload)

    async def close(self) -> None:
        """End the session."""
        await asyncio.to_thread(self._session.close)


async def _reach(do: Callable[[], tuple[Asn1, ...]]) -> tuple[Asn1, ...]:
    try:
        return await asyncio.to_thread(do)
    except FAILURES as error:
        # The text of a module's error may quote labels; its class says what an operator needs.
        raise ModuleAway(f"the module of the archive's key: {type(error).__name__}") from error
