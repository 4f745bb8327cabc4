"""The key that a setting names."""

from pathlib import Path

from services.proof.signing.pkcs11_uri import read_uri
from services.proof.signing.places import DEVELOPMENT, PKCS12, folder_of
from services.proof.signing.port import ProofSigner


def open_signer(
    url: str, password: str | None = None, certificates: Path | None = None, *, probative: bool = False
) -> ProofSigner:
    """Return the key that a URL names: ``development:[/folder]``, ``pkcs12:/file`` or ``pkcs11:…``.

    `certificates` is a PEM file of its certificate and those above it, where the key's own place lacks them.
    With `probative`, a module (PKCS#11) that turns out to hold a development key is refused whenever it is reached;
    of the other two it is known here.
    Raises ValueError for another URL, OSError where a file cannot be read, `UnusableKey` for one of no use.
    """
    # A room that signs with a file loads no library of modules, and the other way round.
    if url.startswith(DEVELOPMENT):
        from services.proof.signing.development import open_development  # noqa: PLC0415 (see above)

        return open_development(folder_of(url))
    if url.startswith(PKCS12):
        from services.proof.signing.pkcs12 import open_pkcs12  # noqa: PLC0415 (see above)

        return open_pkcs12(Path(url.removeprefix(PKCS12)), password, certificates)
    from services.proof.signing.pkcs11 import ModuleKey  # noqa: PLC0415 (see above)

    return ModuleKey(read_uri(url), certificates, probative=probative)
