"""A token of SoftHSM, with a key that was made elsewhere and its certificates."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pkcs11
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pkcs11 import Attribute, CertificateType, ObjectClass

from tests.builders import pki

_LIBRARIES: Final = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
PIN: Final = "123456"
LABEL: Final = "sceau"


@dataclass(frozen=True)
class AToken:
    """A token in a folder, which may be taken away; `uri` names the key on it."""

    module: Path
    tokens: Path
    pin_file: Path
    name: str

    @property
    def uri(self) -> str:
        """Return where the key is (RFC 7512)."""
        return f"pkcs11:token={self.name};object={LABEL}?module-path={self.module}&pin-source=file:{self.pin_file}"

    def take_out(self) -> None:
        """Have the token gone."""
        self.tokens.rename(self.tokens.with_name("elsewhere"))
        self.tokens.mkdir()

    def put_back(self) -> None:
        """Have it there again."""
        self.tokens.rmdir()
        self.tokens.with_name("elsewhere").rename(self.tokens)

    def delete(self) -> None:
        """Have it gone for good; another may have its name then."""
        utility = shutil.which("softhsm2-util") or "softhsm2-util"
        subprocess.run([utility, "--delete-token", "--token", self.name], check=True, capture_output=True)


def module() -> Path:
    """Return SoftHSM's library; fails where it is not installed."""
    found = next((Path(one) for one in _LIBRARIES if Path(one).is_file()), None)
    if found is None:
        pytest.fail("SoftHSM is not installed: apt-get install softhsm2")
    return found


def make_token(folder: Path, name: str, holder: pki.Holder) -> AToken:
    """Return a new token with the key of `holder`, its certificate and those above it.

    The library looks up where tokens lie as it starts: SOFTHSM2_CONF must name ``softhsm2.conf`` of `folder`.
    """
    tokens, pin_file = folder / "tokens", folder / "pin"
    if not tokens.exists():
        tokens.mkdir()
        (folder / "softhsm2.conf").write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\n")
        pin_file.write_text(f"{PIN}\n")
    environment = {**os.environ, "SOFTHSM2_CONF": str(folder / "softhsm2.conf")}  # noqa: TID251 (SoftHSM reads it)

    utility = shutil.which("softhsm2-util") or pytest.fail("SoftHSM is not installed: apt-get install softhsm2")

    def run(*words: str) -> None:
        subprocess.run([utility, *words], env=environment, check=True, capture_output=True)

    run("--init-token", "--free", "--label", name, "--so-pin", PIN, "--pin", PIN)
    key = folder / f"{name}.key"
    key.write_bytes(holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    run("--import", str(key), "--token", name, "--label", LABEL, "--id", "01", "--pin", PIN)
    token = AToken(module(), tokens, pin_file, name)
    _add_certificates(token, holder)
    return token


def _add_certificates(token: AToken, holder: pki.Holder) -> None:
    library = pkcs11.lib(str(token.module))
    library.reinitialize()
    with library.get_token(token_label=token.name).open(rw=True, user_pin=PIN) as session:
        for label, certificate in ((LABEL, holder.certificate), *(("autorité", one) for one in holder.above)):
            session.create_object(
                {
                    Attribute.CLASS: ObjectClass.CERTIFICATE,
                    Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
                    Attribute.TOKEN: True,
                    Attribute.LABEL: label,
                    Attribute.SUBJECT: certificate.subject.public_bytes(),
                    Attribute.VALUE: certificate.public_bytes(Encoding.DER),
                }
            )
    library.reinitialize()
