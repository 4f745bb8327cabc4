"""Whether a file may hold signatures, seen while its bytes go by; what may is kept to be read."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

from services.ingest.domain.limits import MIB
from services.ingest.pipeline.signatures.pairs import is_cms


class Kind(StrEnum):
    """What holds signatures here."""

    PDF = "PAdES"
    CMS = "CAdES"
    XML = "XML Signature"


_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_NAMESPACE: Final = "http://www.w3.org/2000/09/xmldsig#"
_NEEDLES: Final = {
    Kind.PDF: (b"/ByteRange",),
    Kind.XML: tuple(_NAMESPACE.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")),
}
_LONGEST: Final = 2 * len(_NAMESPACE)
_ARMOUR: Final = (b"-----BEGIN PKCS7-----", b"-----BEGIN CMS-----")


def kind_of(path: str, head: bytes) -> Kind | None:
    """Return what a file that begins so may hold; None: nothing that is looked for here."""
    if head.startswith(_ARMOUR) or (head[:1] == b"\x30" and _SIGNED_DATA in head[:64]) or is_cms(path):
        return Kind.CMS
    if b"%PDF-" in head[:1024]:
        return Kind.PDF
    plain = head.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").lstrip()
    return Kind.XML if plain[:2].strip(b"\x00")[:1] == b"<" else None


def keep_signed(path: str, stream: BinaryIO, copy: Path, most: Mapping[Kind, int]) -> Kind | None:
    """Read a stream to its end, with a copy as long as its kind may be; return what it may hold signatures as."""
    head = stream.read(MIB)
    kind = kind_of(path, head)
    limit = 0 if kind is None else most[kind]
    seen, kept, tail = kind is Kind.CMS, 0, b""
    with copy.open("wb") as file:
        chunk = head
        while chunk:
            seen = seen or (kind is not None and any(needle in tail + chunk for needle in _NEEDLES.get(kind, ())))
            if kept < limit:
                kept += file.write(chunk[: limit - kept])
            tail = chunk[-_LONGEST:]
            chunk = stream.read(MIB)
    return kind if seen else None
