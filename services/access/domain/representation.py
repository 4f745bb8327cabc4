"""What is given out over HTTP and how RFC 9110, 9530 and 8187 want it described."""

import base64
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote

from shared.byte_ranges import byte_range

OCTETS = "application/octet-stream"

_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_ETAG = re.compile(r'(?:W/)?"[^"]*"')
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\/:*?<>|]')


@dataclass(frozen=True, slots=True)
class Representation:
    """Bytes to be given out: their SHA-512, size, name and media type."""

    sha512: str
    size: int
    filename: str
    media_type: str

    @property
    def etag(self) -> str:
        """Return the strong validator: the digest itself."""
        return f'"{self.sha512}"'


@dataclass(frozen=True, slots=True)
class Part:
    """A range of a representation; `whole` when it was not asked for a range."""

    first: int
    length: int
    whole: bool

    def content_range(self, size: int) -> str:
        """Return the ``Content-Range`` of a 206."""
        return f"bytes {self.first}-{self.first + self.length - 1}/{size}"


def part_asked(header: str | None, size: int) -> Part:
    """Return what ``Range`` asks for; several ranges, or nonsense, are answered with the whole.

    Raises `UnsatisfiableRange`.
    """
    asked = byte_range(header, size)
    return Part(0, size, whole=True) if asked is None else Part(*asked, whole=False)


def may_be_partial(if_range: str | None, representation: Representation) -> bool:
    """Say whether ``If-Range`` lets a range be answered: only the very validator does, never a date or a weak one."""
    return if_range is None or if_range.strip() == representation.etag


def is_held_already(if_none_match: str | None, representation: Representation) -> bool:
    """Say whether ``If-None-Match`` tells that the client has these bytes (304)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return any(tag.removeprefix("W/") == representation.etag for tag in _ETAG.findall(if_none_match))


def digest_field(sha512: str) -> str:
    """Return a hexadecimal SHA-512 as RFC 9530 writes it."""
    return f"sha-512=:{base64.b64encode(bytes.fromhex(sha512)).decode()}:"


def attachment(filename: str) -> str:
    """Return the ``Content-Disposition`` of a file to be saved, with its name for old and new clients (RFC 8187)."""
    name = _UNSAFE.sub("_", filename).strip(" .") or "document"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().strip(" .")
    quoted = quote(name, safe="!#$&+-.^_`|~")
    return f"attachment; filename=\"{plain or 'document'}\"; filename*=UTF-8''{quoted}"


def media_type(mime: str | None) -> str:
    """Return the media type of a format; bytes of no known one where PRONOM has none or several."""
    first = (mime or "").split(",")[0].strip().lower()
    return first if _MIME.fullmatch(first) else OCTETS
