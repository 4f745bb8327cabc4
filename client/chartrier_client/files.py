"""Bytes in and out: whole files, streamed, with their digests (RFC 9530)."""

import base64
from hashlib import sha512
from pathlib import Path

import httpx

from chartrier_client.errors import DigestMismatch

CHUNK = 1 << 20

# A SIP is recognised by its first bytes: names lie.
MAGIC = (
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
)


def sha512_of(path: Path) -> str:
    """Return the SHA-512 of a file in hexadecimal, reading it once in small pieces."""
    digest = sha512()
    with path.open("rb") as file:
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


def save(response: httpx.Response, path: Path, expected: str | None) -> str:
    """Write the response at `path` and return its SHA-512.

    The file appears only when it is whole and its digest is the announced one and the `expected` one;
    when nobody gave a digest there is nothing to trust, and that is an error too.
    """
    wanted = {digest.lower() for digest in (announced_digest(response), expected) if digest}
    if not wanted:
        raise DigestMismatch(f"no SHA-512 was announced for {path.name}: it cannot be verified")
    part = path.with_name(path.name + ".part")
    digest = sha512()
    try:
        with part.open("wb") as file:
            for chunk in response.iter_bytes(CHUNK):
                digest.update(chunk)
                file.write(chunk)
        if wanted != {digest.hexdigest()}:
            expectation = ", ".join(sorted(wanted))
            raise DigestMismatch(f"{path.name}: received {digest.hexdigest()}, expected {expectation}")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return digest.hexdigest()
