"""The files that an operator brings to proof: its key, and the roots of its time-stampers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from tests.builders import pki

FOLDER: Final = "/keys"
PASSWORD: Final = "un mot"  # noqa: S105 (of a test) # pragma: allowlist secret


def with_keys(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return what a room is told, its `FOLDER` being `folder`, with all in it that there should be."""
    holder = pki.signer()
    encryption = BestAvailableEncryption(PASSWORD.encode())
    key = pkcs12.serialize_key_and_certificates(None, holder.key, holder.certificate, holder.above, encryption)
    (folder / "seal.p12").write_bytes(key)
    for name in ("tsa-a.pem", "tsa-b.pem"):
        (folder / name).write_bytes(pki.root().pem)
    told = {name: value.replace(f"{FOLDER}/", f"{folder}/") for name, value in environment.items()}
    return told | ({"CHARTRIER_SIGNER_PASSWORD": PASSWORD} if "CHARTRIER_SIGNER_PASSWORD" in told else {})
