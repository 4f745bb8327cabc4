"""Follow the frames of a manifest that is being read, and say which of their children may not stand there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from lxml import etree

from services.ingest.pipeline.lenient.content_model import ContentModel, State

_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


@dataclass(slots=True)
class _Open:
    """A frame whose end was not seen, and the names of its children so far that may stand in it but elsewhere."""

    element: etree._Element
    content: ContentModel
    state: State
    misplaced: set[str] = field(default_factory=set)

    def follow(self, tag: str) -> str:
        """Take one more child; say what is wrong with it."""
        self.state, message = self.content.follow(self.state, tag, self.misplaced)
        if message and tag in self.content.names:
            self.misplaced.add(tag)
        return message

    def end(self) -> str:
        """Take the end; say what is wrong with it."""
        return self.content.end(self.state, str(self.element.tag), self.misplaced)


class Frames:
    """What is open of one manifest; `contents` tells what each frame holds, by its name."""

    def __init__(self, contents: Mapping[str, ContentModel]) -> None:
        self._contents = contents
        self._open: list[_Open] = []

    def take(self, event: str, element: etree._Element) -> str:
        """Take the start or the end of any element, in their order; say what is wrong with it, as libxml2 would."""
        frame = self._open[-1] if self._open else None
        if event == "end":
            if frame is None or element is not frame.element:
                return ""
            self._open.pop()
            return frame.end()
        parent = element.getparent()
        if parent is not (None if frame is None else frame.element):
            return ""
        tag = str(element.tag)
        message = "" if frame is None else frame.follow(tag)
        # What is said to be of another type than is declared is left to the grammar.
        if tag in self._contents and _XSI_TYPE not in element.attrib:
            content = self._contents[tag]
            self._open.append(_Open(element, content, content.begun()))
        return message

    def declares(self, element: etree._Element) -> bool:
        """Say whether the grammar declares an element where it stands: it does not what is in a stray one."""
        for parent, child in pairwise((*reversed([*element.iterancestors()]), element)):
            content = self._contents.get(str(parent.tag))
            if content is None:
                return True
            if not content.knows(str(child.tag)):
                return child is element
        return True
