"""METS as a list of files: read as a stream, with neither entities nor the network."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Final
from urllib.parse import unquote

from lxml import etree

from chartrier_client.verifying.checks import Malformed

_HREF: Final = "{http://www.w3.org/1999/xlink}href"
MOST_FILES: Final = 1_000_000
DEEPEST: Final = 64


@dataclass(frozen=True, slots=True)
class Named:
    """A file that METS names."""

    size: int
    sha512: str


@dataclass(slots=True)
class Mets:
    """The package that METS is of, its version, and its files by their path below METS."""

    identifier: str = ""
    version: int = 1
    files: dict[str, Named] = field(default_factory=dict)


def read_mets(stream: IO[bytes]) -> Mets:
    """Read METS to its end; raises `Malformed` for XML that is none, and for what would not end."""
    mets = Mets()
    events = etree.iterparse(
        stream, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        _go_through(events, mets)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Malformed("mets_unreadable") from error
    while stream.read(1 << 16):
        pass
    return mets


def _go_through(events: "Iterator[tuple[str, etree._Element]]", mets: Mets) -> None:
    depth = 0
    pending: dict[str, str] = {}
    for event, element in events:
        if event == "start":
            depth += 1
            if depth > DEEPEST:
                raise Malformed("too_deep", limit=DEEPEST)
            _start(element, mets, pending)
            continue
        depth -= 1
        _end(element, mets)
        # What was read is let go, with what stands before it: nothing of a long list stays.
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]  # type: ignore[union-attr]


def _start(element: "etree._Element", mets: Mets, pending: dict[str, str]) -> None:
    if element.getparent() is None and element.getroottree().docinfo.doctype:
        raise Malformed("doctype")
    local = etree.QName(element).localname
    if local == "mets":
        mets.identifier = str(element.get("OBJID") or "")
    elif local == "file":
        pending.clear()
        pending.update({str(name): str(value) for name, value in element.attrib.items()})
    elif local in {"FLocat", "mdRef"}:
        known = pending if local == "FLocat" else {str(name): str(each) for name, each in element.attrib.items()}
        _take(str(element.get(_HREF) or ""), known, mets)


def _take(href: str, known: dict[str, str], mets: Mets) -> None:
    name = unquote(href)
    if known.get("CHECKSUMTYPE") != "SHA-512" or not known.get("SIZE", "").isdecimal():
        raise Malformed("mets_fixity", name=name)
    named = Named(int(known["SIZE"]), known.get("CHECKSUM", "").lower())
    if mets.files.setdefault(name, named) != named:
        raise Malformed("mets_twice", name=name)
    if len(mets.files) > MOST_FILES:
        raise Malformed("too_large", limit=MOST_FILES)


def _end(element: "etree._Element", mets: Mets) -> None:
    if etree.QName(element).localname == "altRecordID" and element.get("TYPE") == "AIP version":
        text = (element.text or "").strip()
        if not text.isdecimal() or len(text) > 9:
            raise Malformed("mets_unreadable")
        mets.version = int(text)
