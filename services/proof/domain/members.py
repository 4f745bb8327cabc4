"""What an AIP is made of, from the beginning of its TAR: METS.xml comes first, and names all the rest.

The form of an AIP is E-ARK CSIP 2.1; what its group is, docs/proof-format.md says.
"""

import hashlib
import tarfile
from io import BytesIO

from lxml import etree

METS = "METS.xml"

_NS = "{http://www.loc.gov/METS/}"
_NAMING = frozenset({f"{_NS}file", f"{_NS}mdRef"})


class UnreadablePackage(Exception):
    """This is no AIP of ours, or not all of what was asked for."""


def place_of_mets(head: bytes, root: str) -> tuple[int, int]:
    """Return offset and length of METS.xml in a package that begins with `head`; `root` is its one folder.

    Raises `UnreadablePackage`.
    """
    try:
        with tarfile.open(fileobj=BytesIO(head), mode="r:") as tar:
            first = next((member for member in tar if not member.isdir()), None)
    except (tarfile.TarError, EOFError) as error:
        raise UnreadablePackage("no TAR") from error
    if first is None or not first.isreg() or first.name != f"{root}/{METS}":
        raise UnreadablePackage(f"the first member is not {METS}")
    return first.offset_data, first.size


class Members:
    """Reads METS.xml as it comes: one of 100,000 files has 60 MB, of which nothing is kept but digests."""

    def __init__(self) -> None:
        self._own = hashlib.sha512()
        self._found: set[bytes] = set()
        self._parser = etree.XMLPullParser(("end",), resolve_entities=False, no_network=True)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises `UnreadablePackage`."""
        self._own.update(chunk)
        try:
            self._parser.feed(chunk)
            for _, element in self._parser.read_events():
                if element.tag in _NAMING:
                    self._note(element)
                _forget(element)
        except (etree.XMLSyntaxError, KeyError, ValueError) as error:
            raise UnreadablePackage(f"{METS}: {error}") from error

    def end(self) -> list[bytes]:
        """Return the SHA-512 of every member, METS.xml among them, ascending, without doubles.

        Raises `UnreadablePackage`.
        """
        try:
            self._parser.close()
        except etree.XMLSyntaxError as error:
            raise UnreadablePackage(f"{METS}: {error}") from error
        return sorted(self._found | {self._own.digest()})

    def _note(self, element: etree._Element) -> None:
        if element.attrib["CHECKSUMTYPE"] != "SHA-512":
            raise ValueError("it names another digest than SHA-512")
        digest = bytes.fromhex(str(element.attrib["CHECKSUM"]))
        if len(digest) != self._own.digest_size:
            raise ValueError("it names a digest that is none")
        self._found.add(digest)


def _forget(element: etree._Element) -> None:
    element.clear()
    while (before := element.getprevious()) is not None:
        parent = before.getparent()
        if parent is None:
            return
        parent.remove(before)
