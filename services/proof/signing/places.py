"""What the setting that names the archive's key may say: where the key lies."""

import os
from pathlib import Path
from typing import Final

from services.proof.signing.pkcs11_uri import SCHEME as PKCS11
from services.proof.signing.pkcs11_uri import read_uri

DEVELOPMENT: Final = "development:"
PKCS12: Final = "pkcs12:"


def check_place(url: str) -> str:
    """Return a URL that names a key as it should. Raises ValueError with what is expected, quoting nothing."""
    if url.startswith(PKCS11):
        place = read_uri(url)
        _require(place.module, "module-path")
        _require(place.pin_file, "pin-source")
    elif url.startswith(PKCS12):
        _require(Path(url.removeprefix(PKCS12)), "pkcs12:")
    elif not url.startswith(DEVELOPMENT) or not _is_folder(url.removeprefix(DEVELOPMENT)):
        raise ValueError("pkcs11:…, pkcs12:/file, or development:/folder that we may write to is expected")
    return url


def folder_of(url: str) -> Path | None:
    """Return the folder of development keys; None where they are to be in memory alone."""
    folder = url.removeprefix(DEVELOPMENT) if url.startswith(DEVELOPMENT) else ""
    return Path(folder) if folder else None


def _is_folder(path: str) -> bool:
    """Say whether a folder is one, or may be made; none is right, too."""
    if not path:
        return True
    folder = Path(path)
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return folder.is_absolute() and there.is_dir() and os.access(there, os.W_OK)


def _require(file: Path, what: str) -> None:
    if not file.is_absolute() or not file.is_file():
        raise ValueError(f"{what}: the absolute path of a file that is there is expected")
