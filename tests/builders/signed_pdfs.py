"""PDFs signed by pyHanko with keys of our own PKI, at a time of our choosing."""

import io
from datetime import datetime

from asn1crypto import cms, keys, x509
from cryptography import x509 as crypto_x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from tests.builders import pki
from tests.builders.pki import Holder


def a_pdf() -> bytes:
    """Return a PDF of one empty page."""
    writer = PdfFileWriter()
    contents = writer.add_object(generic.StreamObject(stream_data=b""))
    writer.insert_page(
        PageObject(contents=contents, media_box=generic.ArrayObject(map(generic.NumberObject, (0, 0, 100, 100))))
    )
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def simple_signer(by: Holder, *, embedded: bool = True) -> signers.SimpleSigner:
    """Return pyHanko's signer for one of our holders."""
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call] # untyped
    if embedded:
        store.register_multiple([asn1(each) for each in by.above])
    return signers.SimpleSigner(
        signing_cert=asn1(by.certificate),
        signing_key=_private(by),
        cert_registry=store,
    )


def a_stamper(at: datetime, by: Holder | None = None) -> DummyTimeStamper:
    """Return a time-stamping authority whose clock stands still."""
    holder = by or pki.time_stamper()
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call] # untyped
    store.register_multiple([asn1(each) for each in holder.above])
    return DummyTimeStamper(asn1(holder.certificate), _private(holder), store, fixed_dt=at)


def sign_pdf(
    content: bytes,
    by: Holder | None = None,
    at: datetime = pki.SIGNED,
    *,
    digest: str = "sha256",
    field: str = "Signature1",
    stamped: datetime | None = None,
    stamper: Holder | None = None,
) -> bytes:
    """Return a PDF with one signature more (PAdES)."""
    metadata = signers.PdfSignatureMetadata(field_name=field, md_algorithm=digest, subfilter=SigSeedSubFilter.PADES)
    signer = _AtATime(by or pki.signer(), at)
    clock = None if stamped is None else a_stamper(stamped, stamper)
    out = io.BytesIO()
    signers.PdfSigner(metadata, signer, timestamper=clock).sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(content)), output=out
    )
    return out.getvalue()


def stamp_pdf(content: bytes, at: datetime) -> bytes:
    """Return a PDF with a time-stamp of all of it (DocTimeStamp)."""
    out = io.BytesIO()
    signers.PdfTimeStamper(a_stamper(at)).timestamp_pdf(
        IncrementalPdfFileWriter(io.BytesIO(content)), "sha256", output=out
    )
    return out.getvalue()


def add_revision(content: bytes) -> bytes:
    """Return a PDF with a change after all that is there (an incremental update)."""
    writer = IncrementalPdfFileWriter(io.BytesIO(content))
    writer.root["/Lang"] = generic.TextStringObject("fr")
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


class _AtATime(signers.SimpleSigner):  # type: ignore[misc] # untyped
    """A signer who claims a time of ours, whatever the clock says."""

    def __init__(self, by: Holder, at: datetime) -> None:
        plain = simple_signer(by)
        super().__init__(
            signing_cert=plain.signing_cert, signing_key=plain.signing_key, cert_registry=plain.cert_registry
        )
        self._at = at

    async def signed_attrs(self, *args: object, **words: object) -> object:
        attributes = await super().signed_attrs(*args, **words)
        time = cms.CMSAttribute({"type": "signing_time", "values": [cms.Time({"utc_time": self._at})]})
        return cms.CMSAttributes([each for each in attributes if each["type"].native != "signing_time"] + [time])


def asn1(certificate: crypto_x509.Certificate) -> x509.Certificate:
    """Return a certificate of `cryptography` as asn1crypto has it."""
    return x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _private(by: Holder) -> keys.PrivateKeyInfo:
    return keys.PrivateKeyInfo.load(by.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
