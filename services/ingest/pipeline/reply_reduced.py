"""What is left of a reply once some of its units were eliminated: its package without them, and what it said before.

The package is read from the reply that was given: the manifest is in the AIP alone by then. Units and objects are
known by their XML identifiers, from which the plan made ours (`services.ingest.domain.plan`).
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO, Final
from xml.parsers import expat

from services.ingest.pipeline.xml_stream import XmlStream, fragment

_PACKAGE: Final = ("ArchiveTransferReply", "DataObjectPackage")
_COMMENT: Final = ("ArchiveTransferReply", "Comment")
_BEGINNING: Final = "Réponse réduite"

KINDS: Final[Mapping[str, str]] = {
    "ArchiveUnit": "unit",
    "BinaryDataObject": "object",
    "PhysicalDataObject": "object",
}
"""Elements of the package that may go, and what each describes."""

IsLeft = Callable[[str, str], bool]
"""Whether something is left, by what it is (a value of `KINDS`) and its XML identifier."""


class UnreadableReply(Exception):
    """What lies in staging is not a whole reply."""


def reduction(order: str, at: str) -> str:
    """Return the sentence by which a reply says that it was reduced, by which order and when (RFC 3339)."""
    return (
        f"{_BEGINNING} : des archives de ce versement ont été éliminées depuis, et n'y figurent plus "
        f"(ordre {order}, {at}). / Reduced reply: archives of this transfer were eliminated since, and are no "
        f"longer in it (order {order}, {at})."
    )


def reduce_package(reply: BinaryIO, is_left: IsLeft, out: BinaryIO) -> list[str]:
    """Write the package of a reply without what is not left; return the sentences of earlier reductions.

    For a refusal, which has none, it is empty. Raises `UnreadableReply`.
    """
    with fragment(out, _PACKAGE[-1]) as xml:
        reader = _Reader(xml, is_left)
        try:
            reader.parser.ParseFile(reply)
        except (expat.ExpatError, KeyError) as error:
            raise UnreadableReply(f"{type(error).__name__}: {error}") from error
        finally:
            reader.close()
    return reader.reductions


class _Reader:
    """Goes through a reply and writes what stays of its package."""

    def __init__(self, xml: XmlStream, is_left: IsLeft) -> None:
        self._xml = xml
        self._is_left = is_left
        self._path: list[str] = []
        self._open: list[AbstractContextManager[None]] = []
        self._cut_at: int | None = None  # how deep the element is that goes with all it has
        self._comment = ""
        self.reductions: list[str] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def close(self) -> None:
        """End the elements that are still open: left so, the writer would complain of them instead."""
        while self._open:
            self._open.pop().__exit__(None, None, None)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        inside = self._is_inside()
        local = name.rpartition(" ")[2]
        self._path.append(local)
        if not inside:
            return
        if local in KINDS and not self._is_left(KINDS[local], attributes["id"]):
            self._cut_at = len(self._path)
            return
        self._open.append(self._xml.element(local, attributes))
        self._open[-1].__enter__()

    def _end(self, _: str) -> None:
        if tuple(self._path) == _COMMENT:
            if self._comment.startswith(_BEGINNING):
                self.reductions.append(self._comment)
            self._comment = ""
        if self._cut_at == len(self._path):
            self._cut_at = None
        elif self._open and self._is_inside():
            self._open.pop().__exit__(None, None, None)
        self._path.pop()

    def _text(self, text: str) -> None:
        if tuple(self._path) == _COMMENT:
            self._comment += text
        elif self._is_inside():
            self._xml.text(text)

    def _is_inside(self) -> bool:
        return self._cut_at is None and tuple(self._path[:2]) == _PACKAGE
