"""A key in a module (PKCS#11): a smart card, an HSM, SoftHSM; used by pyHanko, and never seen by us.

A module that was restarted, or a token that was taken out, ends the session: the next signature opens another.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pkcs11
from pyhanko.config.pkcs11 import TokenCriteria
from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session
from pyhanko.sign.signers import Signer

from services.proof.signing.algorithms import Asn1, UnusableKey, algorithm_of
from services.proof.signing.chains import in_order, read_certificates, store_of
from services.proof.signing.holding import HeldKey, WrongSignature
from services.proof.signing.pkcs11_uri import KeyPlace
from services.proof.signing.verifying import is_signed_by
from shared.clock import now
from shared.messaging.outcome import TryAgain

FAILURES: tuple[type[Exception], ...] = (pkcs11.PKCS11Error, OSError, RuntimeError, ValueError, UnusableKey)
"""What a module that is away, half started or emptied makes of a call: its own errors, and those of loading it."""

_TRIED: Final = b"chartrier: which certificate is of this key"
"""What a key signs to show whose it is; it is no JWS, and nothing that any of ours is taken for."""


class ModuleAway(TryAgain):
    """The module that holds the key cannot be reached, or has no such key today."""


class NotProbative(ModuleAway):
    """The module holds a development key, where none but keys that prove something may sign."""


class _Session:
    """A session with a module, and the key in it. One at a time: modules refuse two signatures at once in one.

    `chain` are the certificates of the key that it was last opened with; whoever signs has its turn.
    """

    def __init__(self, place: KeyPlace, certificates: Path | None) -> None:
        self._place = place
        self._certificates = certificates
        self._session: Asn1 = None
        self._signer: PKCS11Signer | None = None
        self.chain: tuple[Asn1, ...] = ()
        self.turn = asyncio.Lock()

    @property
    def certificate(self) -> bytes:
        """Return the certificate of the key that it was last opened with, in DER; nothing before that."""
        return self.chain[0].dump() if self.chain else b""

    async def begin_anew(self) -> tuple[Asn1, ...]:
        """Have the module look for its tokens again, open a session, and return the chain of the key's certificate.

        Raises what is in `FAILURES`; `UnusableKey` where no certificate at hand is the key's.
        """
        candidates, others = await asyncio.to_thread(self._open)
        for own in candidates:
            chain = in_order(own, others)
            signer = self._signer_of(chain)
            if await _is_of(signer, own):
                self._signer, self.chain = signer, chain
                return chain
        raise UnusableKey("a certificate of the key is expected")

    def _open(self) -> tuple[tuple[Asn1, ...], tuple[Asn1, ...]]:
        """Open a session, and return the certificates that may be the key's, and all that are at hand."""
        self.close()
        place = self._place
        # A token that was away is found by a library that is started again; and so is a login that it took for ours.
        pkcs11.lib(str(place.module)).reinitialize()
        pin = place.pin_file.read_text(encoding="utf-8").strip()
        criteria = TokenCriteria(place.token, place.serial)
        self._session = open_pkcs11_session(str(place.module), token_criteria=criteria, user_pin=pin)
        beside = () if self._certificates is None else read_certificates(self._certificates)
        reader = PKCS11Signer(
            self._session,
            key_label=place.label,
            key_id=place.identifier,
            other_certs_to_pull=None,
            signing_cert=beside[0] if beside else None,
        )
        own = reader.signing_cert  # which has it look for the key, too
        others = (*beside, *reader.cert_registry)
        # What lies beside may be those above alone, and its own on the token.
        return tuple(filter(_is_usable, others if beside else (own,))), others

    def _signer_of(self, chain: tuple[Asn1, ...]) -> PKCS11Signer:
        algorithm = algorithm_of(chain[0])
        return PKCS11Signer(
            self._session,
            key_label=self._place.label,
            key_id=self._place.identifier,
            signing_cert=chain[0],
            ca_chain=chain[1:],
            # What modules all know: to hash is ours for ECDSA, theirs for RSA-PSS.
            use_raw_mechanism=algorithm.coordinate is not None,
            signature_mechanism=algorithm.mechanism,
        )

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

    def forget(self) -> None:
        """End it, and forget whose certificates it had: the next who asks opens another."""
        self.close()
        self.chain = ()


def _is_usable(certificate: Asn1) -> bool:
    try:
        algorithm_of(certificate)
    except UnusableKey:
        return False
    return True


async def _is_of(signer: PKCS11Signer, certificate: Asn1) -> bool:
    """Say whether a certificate is of the key, which signs for it: not every module shows the public half."""
    try:
        signature = await signer.async_sign_raw(_TRIED, algorithm_of(certificate).digest)
    except pkcs11.PKCS11Error:
        # A key of another kind, which knows nothing of the certificate's algorithm.
        return False
    return is_signed_by(certificate, _TRIED, signature)


class _TokenSigner(Signer):  # type: ignore[misc] # untyped
    """What pyHanko signs with, whatever becomes of the session behind it."""

    def __init__(self, session: _Session, chain: tuple[Asn1, ...]) -> None:
        mechanism = algorithm_of(chain[0]).mechanism
        certificates = store_of(chain)
        super().__init__(signing_cert=chain[0], cert_registry=certificates, signature_mechanism=mechanism)
        self._session = session
        self._certificate = chain[0].dump()

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: FBT001, FBT002 (pyHanko's)
        """Return a signature, or as many zeros as it may have. Raises `ModuleAway`."""
        if dry_run:
            return bytes(512)
        async with self._session.turn:
            try:
                return await self._sign(data, digest_algorithm)
            except FAILURES:
                await _reach(self._session)
            try:
                return await self._sign(data, digest_algorithm)
            except FAILURES as error:
                raise ModuleAway(f"the module of the archive's key does not sign: {type(error).__name__}") from error

    async def _sign(self, data: bytes, digest: str) -> bytes:
        if self._session.certificate != self._certificate:
            raise ModuleAway("the module of the archive's key holds another one now")
        return await self._session.sign(data, digest)


class ModuleKey:
    """A key in a module, reached when it is first needed."""

    def __init__(
        self,
        place: KeyPlace,
        certificates: Path | None = None,
        clock: Callable[[], datetime] = now,
        *,
        probative: bool = False,
    ) -> None:
        """Take where it is; `probative` says that a key which proves nothing is refused."""
        self._session = _Session(place, certificates)
        self._clock = clock
        self._only_probative = probative
        self._key: HeldKey | None = None

    @property
    def _held(self) -> HeldKey:
        if self._key is None:
            raise ModuleAway("the module of the archive's key was not reached yet")
        return self._key

    @property
    def probative(self) -> bool:
        """Say whether what this key signs may be shown as proof. Raises `ModuleAway` before it was reached."""
        return self._held.probative

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
        """Reach the module, and take the key that it holds now. Raises `ModuleAway`, and `NotProbative`."""
        async with self._session.turn:
            chain = self._session.chain or await _reach(self._session)
            if self._key is None or self._key.certificates[0] != self._session.certificate:
                self._key = HeldKey(_TokenSigner(self._session, chain), chain, self._clock)
            if self._only_probative and not self._key.probative:
                # Another may be put in its place: the module is looked at again.
                await asyncio.to_thread(self._session.forget)
                self._key = None
                raise NotProbative("the module holds a development key, and a probative archive signs with none")

    async def sign(self, typ: str, payload: Mapping[str, Any]) -> str:
        """Return a compact JWS, verified. Raises as `HeldKey.sign` does, and `ModuleAway`."""
        await self.open()
        try:
            return await self._held.sign(typ, payload)
        except WrongSignature:
            # What is behind the session is not what it was opened with: the next signature looks again.
            await self.close()
            raise

    async def close(self) -> None:
        """End the session."""
        async with self._session.turn:
            await asyncio.to_thread(self._session.close)


async def _reach(session: _Session) -> tuple[Asn1, ...]:
    try:
        return await session.begin_anew()
    except FAILURES as error:
        # The text of a module's error may quote labels; its class says what an operator needs.
        raise ModuleAway(f"the module of the archive's key: {type(error).__name__}") from error
