"""Copy an XML document byte for byte, but for elements that an editor cuts out or replaces, in one pass.

A parser that writes a document anew changes what it was not asked to: blanks in tags, entities, kinds of quotes. Here
expat only says where elements begin and end; the bytes between are those of the source. Memory does not grow with
the document.
"""

import codecs
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol
from xml.parsers import expat

_TAG = re.compile(rb"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
_DECLARED = re.compile(rb"""\A(<\?xml\b[^>]*?\bencoding\s*=\s*)(?:"[^"]*"|'[^']*')""")


class Sink(Protocol):
    """Where the copy goes."""

    def write(self, data: bytes, /) -> int:
        """Take `data` and return its length."""


class Editor(Protocol):
    """Decides, element by element; `name` is ``namespace local``, or ``local`` in no namespace.

    It acts by the methods of the `Splicer`, on the tag it is told of.
    """

    def start(self, splicer: "Splicer", name: str, attributes: Mapping[str, str]) -> None:
        """Look at a start tag."""

    def end(self, splicer: "Splicer", name: str) -> None:
        """Look at an end tag."""


Keeps = Callable[[str, str], bool]
"""Whether a processing instruction stays, by its target and text; a comment has an empty target."""


class Splicer:
    """A document being copied; without `keeps` all its comments and processing instructions stay."""

    def __init__(self, out: Sink, editor: Editor, keeps: Keeps | None = None) -> None:
        self._out = out
        self._editor = editor
        self._buffer = bytearray()
        self._base = 0  # the position, in the document, of the buffer's first byte
        self._copied = 0  # up to where the document was copied or dropped
        self._held: int | None = None
        self._started: int | None = None  # the start tag just told, until something else is
        self._text: list[str] | None = None
        self._dropped: deque[tuple[int, int]] = deque()  # what stands aside and does not stay, from where to where
        self._here = 0
        self.is_cutting = False
        self._parser = expat.ParserCreate(namespace_separator=" ")
        if hasattr(self._parser, "SetReparseDeferralEnabled"):
            self._parser.SetReparseDeferralEnabled(False)  # noqa: FBT003 - expat's
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        if keeps is not None:
            self._look_aside(keeps)

    def copy(self, chunks: Iterable[bytes]) -> None:
        """Copy the whole document. Raises `xml.parsers.expat.ExpatError` if it is not well-formed."""
        for chunk in _plain(chunks):
            self._buffer += chunk
            self._parser.Parse(chunk)
            self._let_go(self._parser.CurrentByteIndex)
        self._parser.Parse(b"", True)  # noqa: FBT003 - expat takes it by position
        self._pass(self._base + len(self._buffer))

    def cut(self) -> None:
        """Copy nothing from this tag on."""
        self._pass(self._here)
        self.is_cutting = True

    def mend(self) -> None:
        """Copy again what comes behind this tag."""
        self._copied = self._behind()
        self.is_cutting = False

    def write(self, data: bytes) -> None:
        """Write `data` where something was cut out."""
        self._out.write(data)

    def insert(self, data: bytes) -> None:
        """Write `data` before this tag."""
        self._pass(self._here)
        self._out.write(data)

    def retag(self, tag: bytes) -> None:
        """Write `tag` instead of this start tag; it must be empty if this one is."""
        self._pass(self._here)
        self._out.write(tag)
        self._copied = self._behind()

    def tag(self) -> bytes:
        """Return this start tag as it is written."""
        return bytes(self._buffer[self._here - self._base : self._behind() - self._base])

    def hold(self) -> None:
        """Wait with this element, a small one, until `release` tells what is in it."""
        self._pass(self._here)
        self._held = self._here
        self._text = []
        self._parser.CharacterDataHandler = self._text.append

    def release(self) -> str:
        """Return the text of the element that is held, whose end tag this is; it is copied unless it is replaced."""
        text = "".join(self._text or ())
        self._text = self._held = None
        self._parser.CharacterDataHandler = None
        return text

    def replace_held(self, data: bytes) -> None:
        """Write `data` instead of the element that was held until now."""
        self._out.write(data)
        self._copied = self._behind()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._here = self._started = self._parser.CurrentByteIndex
        self._editor.start(self, name, attributes)

    def _end(self, name: str) -> None:
        self._here = self._parser.CurrentByteIndex
        self._editor.end(self, name)
        self._started = None

    def _look_aside(self, keeps: Keeps) -> None:
        def told(target: str, text: str, ending: bytes) -> None:
            if not keeps(target, text):
                here = self._parser.CurrentByteIndex
                end = self._buffer.index(ending, here - self._base + len(b"<?")) + len(ending)
                self._dropped.append((here, self._base + end))

        self._parser.CommentHandler = lambda text: told("", text, b"-->")
        self._parser.ProcessingInstructionHandler = lambda target, text: told(target, text, b"?>")

    def _behind(self) -> int:
        """Return the position behind the tag that the editor is told of."""
        if self._started is not None and self._started >= self._base:
            tag = _TAG.match(self._buffer, self._started - self._base)
            if tag is not None and (self._started == self._here or tag[0].endswith(b"/>")):
                # An empty element is told twice, the second time from behind its tag.
                return self._base + tag.end()
        return self._base + self._buffer.index(b">", self._here - self._base) + 1

    def _pass(self, position: int) -> None:
        """Copy, or drop, all that stands before `position`."""
        while self._dropped and self._dropped[0][0] < position:
            start, end = self._dropped.popleft()
            self._put(start)
            self._copied = max(self._copied, end)
        self._put(position)

    def _put(self, position: int) -> None:
        if position > self._copied:
            if not self.is_cutting:
                self._out.write(bytes(self._buffer[self._copied - self._base : position - self._base]))
            self._copied = position

    def _let_go(self, position: int) -> None:
        """Pass what no later event can concern: expat's position is the start of what it has not told yet."""
        if self._held is not None:
            position = min(position, self._held)
        self._pass(position)
        done = min(self._copied, max(position, self._base)) - self._base
        if done > 0:
            del self._buffer[:done]
            self._base += done


def _plain(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Turn UTF-16, where a tag's end is no single byte, into UTF-8; leave all else as it is.

    Whatever else a manifest may be written in (`docs/norms.md`) has ASCII in its place.
    """
    whole = iter(chunks)
    first = next(whole, b"")
    if not first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield first
        yield from whole
        return
    decoder = codecs.getincrementaldecoder("utf-16")()
    yield _DECLARED.sub(rb'\1"UTF-8"', decoder.decode(first).encode())
    for chunk in whole:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()
