"""The setting that names the archive's key: what it may say, and the key it names."""

from pathlib import Path
from typing import Final

from services.proof.signing.pkcs11_uri import SCHEME as PKCS11
from services.proof.signing.pkcs11_uri import read_uri
from services.proof.signing.port import ProofSigner

DEVELOPMENT: Final = "development:"
PKCS12: Final = "pkcs12:"


def open_signer(url: str, password: str | None = None, certificates: Path | None = None) -> ProofSigner:
    """Return the key that a URL names: ``development:[/folder]``, ``pkcs12:/file`` or ``pkcs11:…``.

    `certificates` is a PEM file of its certificate and those above it, where the key's own place lacks them.
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

    return ModuleKey(read_uri(url), certificates)


def check_url(url: str) -> str:
    """Return a URL that names a key as it should. Raises ValueError with what is expected, quoting nothing."""
    if url.startswith(PKCS11):
        place = read_uri(url)
        _require(place.module, "module-path")
        _require(place.pin_file, "pin-source")
    elif url.startswith(PKCS12):
        _require(Path(url.removeprefix(PKCS12)), "pkcs12:")
    elif not url.startswith(DEVELOPMENT) or not _is_folder(url.removeprefix(DEVELOPMENT)):
        raise ValueError("development:/folder, pkcs12:/file or pkcs11:… is expected")
    return url


def folder_of(url: str) -> Path | None:
    """Return the folder of development keys; None where they are to be in memory alone."""
    folder = url.removeprefix(DEVELOPMENT) if url.startswith(DEVELOPMENT) else ""
    return Path(folder) if folder else None


def _is_folder(path: str) -> bool:
    return not path or Path(path).is_absolute()


def _require(file: Path, what: str) -> None:
    if not file.is_absolute() or not file.is_file():
        raise ValueError(f"{what}: the absolute path of a file that is there is expected")
