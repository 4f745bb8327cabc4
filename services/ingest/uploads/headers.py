"""What the headers of tus 1.0.0 say (https://tus.io/protocols/resumable-upload): read, or refused, as they stand."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from services.ingest.reception import PRINTABLE
from shared.problems import Problem

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,checksum,expiration,termination"
ALGORITHMS: Final = ("sha256", "sha512", "sha1")
"""For integrity alone: what a deposit is known by is the SHA-512 that we compute."""

BYTES: Final = "application/offset+octet-stream"
LONGEST_METADATA: Final = 4096

_KEY = re.compile(r"[!-+\--~]+")
_SHA512 = re.compile(r"[0-9A-Fa-f]{128}")
_WORDS = {"": True, "true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Announced:
    """What `Upload-Metadata` says of a deposit; `sha512` is that of the whole, in lower-case hexadecimal."""

    agreement: str
    filename: str | None
    dry_run: bool
    sha512: str | None


def require_version(told: str | None) -> None:
    """Raise a 412 `Problem` for another version of the protocol than ours, or none."""
    if told != VERSION:
        raise Problem(
            412,
            "tus_version",
            f"Cette ressource parle tus {VERSION} : envoyez Tus-Resumable: {VERSION}.",
            f"This resource speaks tus {VERSION}: send Tus-Resumable: {VERSION}.",
            headers={"Tus-Version": VERSION},
        )


def require_bytes(content_type: str | None) -> None:
    """Raise a 415 `Problem` for a body that is not declared as bytes of an upload."""
    if not is_bytes(content_type):
        raise Problem(
            415,
            "not_offset_octet_stream",
            f"Le corps doit être déclaré Content-Type: {BYTES}.",
            f"The body must be declared as Content-Type: {BYTES}.",
        )


def is_bytes(content_type: str | None) -> bool:
    """Say whether a body is declared as bytes of an upload."""
    return (content_type or "").partition(";")[0].strip().lower() == BYTES


def length_of(length: str | None, deferred: str | None) -> int:
    """Read `Upload-Length`. Raises a 400 `Problem` where it is missing, put off, or none."""
    if deferred is not None:
        raise Problem(
            400,
            "length_deferred",
            "La longueur est annoncée à la création : Upload-Defer-Length n'est pas pris en charge.",
            "The length is announced at creation: Upload-Defer-Length is not supported.",
        )
    if length is None or not int(length) > 0:
        raise Problem(
            400,
            "length_missing",
            "Upload-Length doit annoncer un octet au moins.",
            "Upload-Length must announce at least one byte.",
        )
    return int(length)


def metadata_of(text: str) -> dict[str, str]:
    """Read `Upload-Metadata`: keys, each with a text in Base64 or none. Raises a 400 `Problem`."""
    found: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise _malformed(key)
        try:
            found[key] = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeError) as error:
            raise _malformed(key) from error
    return found


def announced(metadata: str) -> Announced:
    """Return what a deposit's metadata says; keys that are not ours are ignored. Raises a 400 `Problem`."""
    found = metadata_of(metadata)
    filename, sha512, dry_run = found.get("filename"), found.get("sha512"), found.get("dry_run", "false")
    agreement = found.get("agreement", "")
    if not 0 < len(agreement) <= 200:
        raise _malformed("agreement")
    if filename is not None and (len(filename) > 255 or not re.fullmatch(PRINTABLE, filename)):
        raise _malformed("filename")
    if sha512 is not None and not _SHA512.fullmatch(sha512):
        raise _malformed("sha512")
    if dry_run not in _WORDS:
        raise _malformed("dry_run")
    return Announced(agreement, filename, _WORDS[dry_run], None if sha512 is None else sha512.lower())


def checksum_of(text: str | None) -> dict[str, str]:
    """Read `Upload-Checksum`: hashlib's name → hexadecimal; nothing without one. Raises a 400 `Problem`."""
    if text is None:
        return {}
    algorithm, _, value = text.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise Problem(
            400,
            "checksum_algorithm",
            f"Empreintes prises en charge : {', '.join(ALGORITHMS)}.",
            f"Supported checksums: {', '.join(ALGORITHMS)}.",
            headers={"Tus-Checksum-Algorithm": ",".join(ALGORITHMS)},
        )
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != hashlib.new(algorithm).digest_size:
        raise Problem(400, "checksum_malformed", "Upload-Checksum illisible.", "Upload-Checksum cannot be read.")
    return {algorithm: digest.hex()}


def _malformed(key: str) -> Problem:
    named = key[:50] if _KEY.fullmatch(key[:50]) else "?"
    return Problem(
        400,
        "metadata_malformed",
        f"Upload-Metadata : la valeur de « {named} » manque, se répète ou est illisible.",
        f"Upload-Metadata: the value of “{named}” is missing, repeated or cannot be read.",
        extra={"key": named},
    )
