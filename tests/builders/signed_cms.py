"""CMS signatures made by openssl, a software that is not ours, with keys of our own PKI."""

import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.builders import pki
from tests.builders.pki import Holder


def issued_with_sha1(folder: Path) -> Holder:
    """Return somebody whose certificate our authority signed as nobody does any more, from now on."""
    folder.mkdir(parents=True, exist_ok=True)
    key, name = pki.key_of("Ancien greffier"), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ancien greffier")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    (folder / "request.pem").write_bytes(request.public_bytes(Encoding.PEM))
    (folder / "ca.pem").write_bytes(pki.authority().pem)
    (folder / "ca.key").write_bytes(pki.authority().key_pem)
    command = ["openssl", "x509", "-req", "-sha1", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key"]
    more = ["-days", "3000", "-set_serial", "4242"]
    made = subprocess.run([*command, *more], cwd=folder, check=True, capture_output=True).stdout
    above = (pki.authority().certificate, *pki.authority().above)
    return Holder(x509.load_pem_x509_certificate(made), key, above)


def openssl(folder: Path, content: bytes, *options: str, by: Holder | None = None) -> bytes:
    """Return a CMS signature of `content`, detached unless told ``-nodetach``; its time is that of the clock."""
    holder = by or pki.signer()
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (
        ("content", content),
        ("signer.pem", holder.pem),
        ("key.pem", holder.key_pem),
        ("above.pem", b"".join(each.public_bytes(Encoding.PEM) for each in holder.above)),
    ):
        (folder / name).write_bytes(part)
    command = ["openssl", "cms", "-sign", "-binary", "-in", "content", "-signer", "signer.pem", "-inkey", "key.pem"]
    more = ["-certfile", "above.pem", "-outform", "DER", "-out", "signature", *options]
    subprocess.run([*command, *more], cwd=folder, check=True, capture_output=True)
    return (folder / "signature").read_bytes()
