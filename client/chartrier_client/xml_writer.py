"""Write a large XML document element by element, indented, in constant memory."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO, Final, Self

from lxml import etree

FORBIDDEN: Final = re.compile(r"[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What is no character of XML 1.0 (§2.2): names of files may hold some."""


class XmlWriter:
    """An open document whose every element is in one namespace; close it with `with`."""

    def __init__(self, out: IO[bytes], namespace: str) -> None:
        self._document = etree.xmlfile(out, encoding="UTF-8")
        self._namespace = namespace
        self._depth = 0

    def __enter__(self) -> Self:
        self._xml = self._document.__enter__()
        self._xml.write_declaration()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._document.__exit__(kind, error, trace)

    @contextmanager
    def element(self, name: str, **attributes: str) -> Iterator[None]:
        """Everything written inside the block goes inside this element."""
        self._new_line()
        nsmap = {None: self._namespace} if self._depth == 0 else None
        with self._xml.element(f"{{{self._namespace}}}{name}", attributes, nsmap=nsmap):
            self._depth += 1
            yield
            self._depth -= 1
            self._xml.write("\n" + "  " * self._depth)

    def leaf(self, name: str, text: object | None, **attributes: str) -> None:
        """Write an element holding text; nothing at all when there is no text to hold.

        A character that XML forbids is written as U+FFFD, as the archive itself does.
        """
        if text is None:
            return
        self._new_line()
        with self._xml.element(f"{{{self._namespace}}}{name}", attributes):
            self._xml.write(FORBIDDEN.sub("\ufffd", str(text)))

    def _new_line(self) -> None:
        # Text is not allowed before the root element, and a line break there would be text.
        if self._depth:
            self._xml.write("\n" + "  " * self._depth)
