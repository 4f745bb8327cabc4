"""The authority that the platform is to itself, to be tried on without another: what it stamps proves nothing."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.sign.general import as_signing_certificate_v2, simple_cms_attribute

from services.proof.signing.algorithms import Asn1
from services.proof.signing.development import certificate_for, development_name, kept_once, key_usage
from services.proof.signing.pkcs12 import read_pkcs12
from shared.clock import now, to_the_millisecond

NAME: Final = "builtin"

POLICY: Final = "2.25.190823475236421749835094713598230152673"
"""Of an arc that is anybody's (ITU-T X.667): "tried on, proves nothing"."""

_FILE: Final = "time-stamper.p12"


class BuiltinAuthority:
    """A time-stamper in this process; its keys are those of a folder, or in memory."""

    name = NAME
    policy = POLICY
    probative = False
    requires_revocation = False

    def __init__(self, folder: Path | None = None, clock: Callable[[], datetime] = now) -> None:
        """Take its keys, made by whoever comes first. Raises OSError where the folder cannot be written."""
        content = make_time_stamper() if folder is None else kept_once(folder / _FILE, make_time_stamper)
        self._key = read_pkcs12(content, None)
        self._clock = clock
        self.anchors: tuple[Asn1, ...] = tuple(
            one for one in self._key.pdf.cert_registry if one.subject == one.issuer
        )
        self.others: tuple[Asn1, ...] = ()

    async def answer(self, query: bytes) -> bytes:
        """Return a time-stamp response (DER) to a request."""
        asked = tsp.TimeStampReq.load(query)
        stamped: dict[str, Asn1] = {
            "version": "v1",
            "policy": POLICY,
            "message_imprint": asked["message_imprint"],
            "serial_number": secrets.randbits(64),
            "gen_time": to_the_millisecond(self._clock()),
            "nonce": asked["nonce"],
        }
        status = tsp.PKIStatusInfo({"status": "granted"})
        token = await self._token(tsp.TSTInfo(stamped).dump())
        return bytes(tsp.TimeStampResp({"status": status, "time_stamp_token": token}).dump())

    async def _token(self, stamped: bytes) -> Asn1:
        signer, digest = self._key.pdf, self._key.digest
        attributes = cms.CMSAttributes(
            [
                simple_cms_attribute("content_type", "tst_info"),
                simple_cms_attribute("message_digest", hashlib.new(digest, stamped).digest()),
                simple_cms_attribute("signing_certificate_v2", as_signing_certificate_v2(signer.signing_cert)),
            ]
        )
        content = cms.EncapsulatedContentInfo(
            {"content_type": "tst_info", "content": cms.ParsableOctetString(stamped)}
        )
        return await signer.async_sign_prescribed_attributes(
            digest, attributes, cms_version="v3", encap_content_info=content
        )

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


def make_time_stamper() -> bytes:
    """Return a new key of a time-stamper, with its certificate and that of its root, as PKCS#12 without a password.

    The key of the root is nowhere: it signs this certificate alone.
    """
    above, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, name = development_name("Chartrier, racine"), development_name("Chartrier, horodatage")
    root = certificate_for(issuer, above.public_key(), authority=True)
    root = root.add_extension(key_usage(authority=True), critical=True)
    own = certificate_for(name, key.public_key(), issuer).add_extension(key_usage(), critical=True)
    own = own.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    own = own.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False)
    signed = own.sign(above, hashes.SHA256())
    roots = [root.sign(above, hashes.SHA256())]
    return pkcs12.serialize_key_and_certificates(None, key, signed, roots, NoEncryption())
