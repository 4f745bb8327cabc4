"""Free the elements of a tree that are read, while libxml2 still builds it.

The builder forgets each unit and object as it ends. What stands between them and is none of them (elements that no
version of SEDA declares, a million empty ones) is freed here, whenever so many marks of markup went by.
"""

from typing import Final

from lxml import etree

from services.ingest.pipeline.manifest.bounds import BeyondLimit
from services.ingest.pipeline.manifest.extracts import Forgotten

ROOT: Final = "ArchiveTransfer"

_FRAMES: Final = frozenset({ROOT, "DataObjectPackage", "DescriptiveMetadata", "DataObjectGroup", "ArchiveUnit"})
"""What holds units and objects: each of their children is read when it ends, and not looked at again."""

_MARKS: Final = 64 * 1024
"""Between two sweeps; a mark is a “<” or a “=”, of which every element, attribute and text needs one."""

_ELEMENTS = etree.XPath("count(.//node())")
_ATTRIBUTES = etree.XPath("count(.//@*)")


def forget(element: etree._Element, forgotten: Forgotten | None = None) -> None:
    """Free what was read. The element itself stays, empty: libxml2 may still be writing behind it."""
    element.clear(keep_tail=True)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        if forgotten is not None:
            forgotten.note(parent, parent[:1])
        del parent[0]


class Sweeper:
    """Sweeps one tree. `most` is how many elements, texts and attributes may be in one thing that is still open.

    What is freed is counted in `forgotten`, if it is given.
    """

    def __init__(self, namespace: str, most: int | None, forgotten: Forgotten | None = None) -> None:
        self._forgotten = forgotten
        self._frames = {f"{{{namespace}}}{name}" for name in _FRAMES}
        self._most = most
        self._marks = 0
        self.root: etree._Element | None = None

    def see(self, element: etree._Element) -> None:
        """Take the first element that is seen for the root of the tree."""
        if self.root is None:
            self.root = element

    def fed(self, chunk: bytes) -> None:
        """Sweep if it is time to, once the parser was fed `chunk` and its events were taken. Raises `BeyondLimit`."""
        self._marks += chunk.count(b"<") + chunk.count(b"=")
        if self._marks > _MARKS and self.root is not None:
            self._marks = 0
            self._sweep(self.root)

    def _sweep(self, frame: etree._Element) -> None:
        # The last child of a frame is open, or libxml2 may still write behind it.
        while len(frame):
            if self._forgotten is not None:
                self._forgotten.note(frame, frame[:-1])
            del frame[:-1]
            if frame[-1].tag not in self._frames:
                break
            frame = frame[-1]
        if self._most is not None and len(frame):
            held = float(str(_ELEMENTS(frame))) + float(str(_ATTRIBUTES(frame)))
            if held > self._most:
                raise BeyondLimit("max_open_elements")
