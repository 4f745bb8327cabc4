"""CMS signatures made by openssl, a software that is not ours, with keys of our own PKI."""

import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from tests.builders import pki
from tests.builders.pki import Holder


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
