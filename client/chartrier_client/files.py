"""Bytes in and out: whole files, streamed, with their digests (RFC 9530)."""

import base64
from hashlib import sha512
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx

from chartrier_client.errors import DigestMismatch
from chartrier_client.language import Text

CHUNK = 1 << 20

# A SIP is recognised by its first bytes: names lie.
MAGIC = (
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
)


def sha512_of(path: Path) -> str:
    """Return the SHA-512 of a file in hexadecimal, reading it once in small pieces."""
    with path.open("rb") as file:
        return sha512_of_rest(file)


def sha512_of_rest(file: IO[bytes]) -> str:
    """Return the SHA-512, in hexadecimal, of what is still to be read of an open file."""
    digest = sha512()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def media_type(path: Path) -> str:
    """Return the container's media type; TAR, whose mark is further on, is the default."""
    with path.open("rb") as file:
        start = file.read(4)
    return next((kind for magic, kind in MAGIC if start.startswith(magic)), "application/x-tar")


def content_digest(hexadecimal: str) -> str:
    """Return the value of a Content-Digest field for a SHA-512."""
    return f"sha-512=:{base64.b64encode(bytes.fromhex(hexadecimal)).decode('ascii')}:"


def announced_digest(response: httpx.Response) -> str | None:
    """Return the SHA-512, in hexadecimal, that a response announces for its content, if any."""
    for member in response.headers.get("Content-Digest", "").split(","):
        name, _, value = member.strip().partition("=")
        if name.lower() == "sha-512" and value.startswith(":") and value.endswith(":"):
            return base64.b64decode(value[1:-1]).hex()
    return None


class Download:
    """A file being received beside `path`; it goes there by `keep`, and nowhere if anything fails.

    It is kept only when its digest is the announced one and the `expected` one; when nobody gave a digest there is
    nothing to trust, and that is an error too.
    """

    def __init__(self, response: httpx.Response, path: Path, expected: str | None) -> None:
        self._wanted = {digest.lower() for digest in (announced_digest(response), expected) if digest}
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._digest = sha512()
        if not self._wanted:
            raise DigestMismatch(
                Text(
                    f"aucun SHA-512 n'est annoncé pour {path.name} : rien ne permet de le vérifier",
                    f"no SHA-512 was announced for {path.name}: it cannot be verified",
                )
            )

    def __enter__(self) -> Self:
        self._file = self._part.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """Take more bytes."""
        self._digest.update(piece)
        self._file.write(piece)

    def keep(self) -> str:
        """Put the file in its place and return its SHA-512; raises `DigestMismatch` where it is another file."""
        self._file.close()
        received = self._digest.hexdigest()
        if self._wanted != {received}:
            name, expectation = self._path.name, ", ".join(sorted(self._wanted))
            raise DigestMismatch(
                Text(
                    f"{name} : reçu {received}, attendu {expectation}",
                    f"{name}: received {received}, expected {expectation}",
                )
            )
        self._part.replace(self._path)
        return received
