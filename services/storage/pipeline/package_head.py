"""Find the catalogue of an AIP from the head of its TAR: a few ranges, whatever the AIP's size.

The first member is METS.xml, whose first sections name the catalogue with its size and SHA-512 (E-ARK CSIP 2.1);
where it lies, the headers of the members before it say (POSIX.1-2017, *pax*).
"""

import tarfile
from collections.abc import Generator
from dataclasses import dataclass
from urllib.parse import unquote

from lxml import etree

from shared.messages.ingest import MemberV1

METS = "METS.xml"
PREMIS = "metadata/preservation/premis.xml"
CATALOGUE = "metadata/descriptive/catalogue.ndjson"

BLOCK = 512
FIRST_BYTES = 64 * 1024
"""Read first: of a small AIP everything before its files."""

METS_BYTES = 32 * 1024
"""More than METS takes up to the sections that describe the catalogue."""

MOST_MEMBERS = 20
"""The catalogue is among the first members: whoever reads on without finding it reads no AIP of ours."""

_NS = "{http://www.loc.gov/METS/}"
_FED = 2048
_HREF = "{http://www.w3.org/1999/xlink}href"

Reading = Generator[tuple[int, int], bytes, "Head"]
"""Asks for ranges, offset and length in bytes, and is given what lies there."""


class UnreadablePackage(Exception):
    """This is no AIP of ours, or not all of its head."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where what a rebuild needs lies in an AIP; `premis` is offset and length."""

    catalogue: MemberV1
    premis: tuple[int, int]


def read_head(root: str, size: int) -> Reading:
    """Read the head of an AIP of `size` bytes whose one folder is `root`. Raises `UnreadablePackage`."""
    found: dict[str, tuple[int, int]] = {}
    position = 0
    for _ in range(MOST_MEMBERS):
        if CATALOGUE in found:
            break
        name, offset, length = yield from _member(position, size)
        found[name.removeprefix(f"{root}/")] = (offset, length)
        position = offset + _padded(length)
    if not {METS, PREMIS, CATALOGUE} <= found.keys():
        raise UnreadablePackage("it does not begin with METS.xml, premis.xml and catalogue.ndjson")
    begins, length = found[METS]
    announced, sha512 = _catalogue_in((yield (begins, min(length, METS_BYTES))))
    offset, length = found[CATALOGUE]
    if announced != length:
        raise UnreadablePackage(f"METS.xml announces a catalogue of {announced} bytes, there are {length}")
    try:
        return Head(MemberV1(offset=offset, length=length, sha512=sha512), found[PREMIS])
    except ValueError as error:
        raise UnreadablePackage("METS.xml names no SHA-512 of the catalogue") from error


def _member(position: int, size: int) -> Generator[tuple[int, int], bytes, tuple[str, int, int]]:
    """Return name, offset of the bytes, and length, of the member whose headers begin here."""
    info = yield from _header(position, size)
    position += BLOCK
    records: dict[str, str] = {}
    if info.type == tarfile.XHDTYPE:
        if not 0 <= info.size <= FIRST_BYTES:
            raise UnreadablePackage("a pax header of too many bytes")
        records = _records((yield (position, info.size)))
        position += _padded(info.size)
        info = yield from _header(position, size)
        position += BLOCK
    try:
        length = int(records.get("size", info.size))
    except ValueError as error:
        raise UnreadablePackage("a pax header with a size that is no number") from error
    if length < 0 or position + length > size:
        raise UnreadablePackage("it ends within a member")
    return records.get("path", info.name), position, length


def _header(position: int, size: int) -> Generator[tuple[int, int], bytes, tarfile.TarInfo]:
    if position + BLOCK > size:
        raise UnreadablePackage("it ends before its catalogue")
    try:
        return tarfile.TarInfo.frombuf((yield (position, BLOCK)), "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise UnreadablePackage(f"no TAR header at {position}: {error}") from error


def _records(body: bytes) -> dict[str, str]:
    """Read pax records: ``<length> <key>=<value>`` and a line feed, the length counting all of it."""
    records = {}
    try:
        while body:
            count = int(body.partition(b" ")[0])
            key, _, value = body[:count].partition(b" ")[2].removesuffix(b"\n").partition(b"=")
            records[key.decode()] = value.decode()
            if count < 1:
                raise UnreadablePackage("a pax record of no length")
            body = body[count:]
    except (ValueError, UnicodeDecodeError) as error:
        raise UnreadablePackage(f"a pax header that cannot be read: {error}") from error
    return records


def _padded(length: int) -> int:
    return -(-length // BLOCK) * BLOCK


def _catalogue_in(beginning: bytes) -> tuple[int, str]:
    """Return size and SHA-512 of the catalogue, as the beginning of METS.xml names them."""
    parser = etree.XMLPullParser(events=("start",), tag=f"{_NS}mdRef", resolve_entities=False, no_network=True)
    try:
        # Bit by bit: what comes behind it need not be parsed.
        for at in range(0, len(beginning), _FED):
            parser.feed(beginning[at : at + _FED])
            for _, element in parser.read_events():
                if unquote(str(element.get(_HREF, ""))) == CATALOGUE and element.get("CHECKSUMTYPE") == "SHA-512":
                    return int(str(element.get("SIZE"))), str(element.get("CHECKSUM"))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadablePackage(f"METS.xml cannot be read: {error}") from error
    raise UnreadablePackage("METS.xml names no catalogue where it should")
