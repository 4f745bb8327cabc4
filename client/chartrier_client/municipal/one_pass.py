"""Read XML of any size by expat, in one pass: nothing is held but what the reading keeps.

A document type declaration is refused as soon as it begins: no flow has one, and with none there is neither entity to
expand nor file to fetch.
"""

from pathlib import Path
from typing import Protocol
from xml.parsers import expat

from chartrier_client.language import Text
from chartrier_client.municipal.refusal import FlowError

_CHUNK = 1 << 16


class Reading(Protocol):
    """What keeps some of a document; names are `namespace local`, or `local` alone. May raise `NotOurs`."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Hear that an element begins."""

    def end(self, name: str) -> None:
        """Hear that an element ends."""


class NotOurs(Exception):
    """The document is not of the kind that is read."""

    def __init__(self, fr: str, en: str) -> None:
        super().__init__(en)
        self.fault = Text(fr, en)


def read_in_one_pass(path: Path, reading: Reading) -> None:
    """Let a reading hear a whole file; raises `FlowError` for what is no file, no XML, or not what is read."""
    if path.is_symlink() or not path.is_file():
        odd = Text(
            "ce n'est pas un fichier : retirez-le, ou copiez ce qu'il désigne",
            "it is not a file: take it out, or copy what it names",
        )
        raise FlowError(path.name, [odd])
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = False
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                parser.Parse(chunk, False)  # noqa: FBT003 (pyexpat takes no keyword)
            parser.Parse(b"", True)  # noqa: FBT003
    except expat.ExpatError as error:
        unread = Text(f"ce n'est pas du XML bien formé : {error}", f"not well-formed XML: {error}")
        raise FlowError(path.name, [unread]) from error
    except NotOurs as error:
        raise FlowError(path.name, [error.fault]) from error


def _refuse_doctype(*_: object) -> None:
    raise NotOurs("un flux PES n'a pas de DOCTYPE", "a PES flow has no DOCTYPE")
