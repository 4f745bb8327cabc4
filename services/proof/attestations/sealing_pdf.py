"""Sign an attestation: PAdES baseline B-T (ETSI EN 319 142-1), as a certification that allows no change.

The time-stamp is that of the archive's own authorities, with all that verifies it inside, as in seals.
"""

import asyncio
from io import BytesIO
from typing import Final

from asn1crypto import cms
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.timestamps import TimeStamper
from typing_extensions import override

from services.proof.signing.algorithms import Asn1
from services.proof.signing.holding import SignerEnded
from services.proof.signing.port import ProofSigner
from services.proof.stamping.stamper import Stamper
from shared.clock import now

FIELD: Final = "Attestation"

RESERVED: Final = 12 * 1024
"""Octets kept free for a signature beside its time-stamp."""

SPARE: Final = 8 * 1024
"""Octets by which a time-stamp may be longer than the last one: lists of revoked certificates grow."""


class _OurStamper(TimeStamper):  # type: ignore[misc] # untyped
    """Our authorities, as pyHanko asks one."""

    def __init__(self, stamper: Stamper) -> None:
        super().__init__()
        self._stamper = stamper
        self.longest = SPARE

    @override
    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> Asn1:
        stamped = await self._stamper.stamp(message_digest, md_algorithm)
        self.longest = max(self.longest, len(stamped.token))
        return cms.ContentInfo.load(stamped.token)

    @override
    async def async_dummy_response(self, md_algorithm: str) -> Asn1:
        raise AssertionError("the room for a token is known without asking for one")


class _Writer(IncrementalPdfFileWriter):  # type: ignore[misc] # untyped
    """Adds a signature, and leaves what the page says of itself (XMP) as the typesetter wrote it: PDF/A, and when."""

    @override
    def _update_meta(self) -> None: ...


class PdfSealer:
    """Signs pages with the archive's key."""

    def __init__(self, signer: ProofSigner, stamper: Stamper) -> None:
        self._signer = signer
        self._stamper = _OurStamper(stamper)

    async def sealed(self, page: bytes) -> bytes:
        """Return a page signed and stamped. Raises `TryAgain` while the key, or every authority, is away."""
        await self._signer.open()
        if now() >= self._signer.ends_at:
            raise SignerEnded("the certificate of the archive's key has ended")
        try:
            return await self._signed(page)
        except SigningError:
            # The token was longer than any before; now it is known how long they are.
            return await self._signed(page)

    async def _signed(self, page: bytes) -> bytes:
        signer = PdfSigner(
            PdfSignatureMetadata(
                field_name=FIELD,
                md_algorithm=self._signer.digest,
                subfilter=SigSeedSubFilter.PADES,
                certify=True,
                docmdp_permissions=MDPPerm.NO_CHANGES,
            ),
            signer=self._signer.pdf,
            timestamper=self._stamper,
            new_field_spec=SigFieldSpec(FIELD),
        )
        reserved = RESERVED + self._stamper.longest + SPARE
        out = BytesIO()
        writer = await asyncio.to_thread(_Writer, BytesIO(page))
        await signer.async_sign_pdf(writer, output=out, bytes_reserved=2 * reserved)
        return out.getvalue()
