"""Take out of a manifest that is being read what one refusal is about: an element, its path, its surroundings."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice, repeat
from typing import Final

from lxml import etree

from services.ingest.domain.suspects import Extract
from services.ingest.pipeline.manifest.content import local_name

LONGEST_TEXT: Final = 4000
"""Characters of a value that is still explained."""

LARGEST: Final = 64 * 1024
"""Bytes of one extract."""

DEEPEST: Final = 250
"""Ancestors of an element that is still explained."""

MOST_CHILDREN: Final = 200
"""Children looked at, runs of one name counting for `_RUN`."""

WIDEST: Final = 10_000
"""Children read of one element; nothing is said of an element that has more."""

_RUN: Final = 3
"""As many in a row say the same as any more: SEDA allows one of a name, or as many as one likes."""

_REPEATED: Final = frozenset({"ArchiveUnit", "BinaryDataObject", "PhysicalDataObject", "DataObjectGroup"})
_MOST_PARENTS: Final = 1000
_MOST_NAMES: Final = 1000


class Forgotten:
    """How many children of each name were freed, of each element that is still open."""

    def __init__(self) -> None:
        self._of: dict[etree._Element, Counter[str]] = {}

    def note(self, parent: etree._Element, children: Iterable[etree._Element]) -> None:
        """Count children that are about to be freed."""
        if parent not in self._of and len(self._of) >= _MOST_PARENTS:
            still_open = {parent, *parent.iterancestors()}
            self._of = {each: names for each, names in self._of.items() if each in still_open}
        names = self._of.setdefault(parent, Counter())
        for child in children:
            tag = str(child.tag)
            if tag in names or len(names) < _MOST_NAMES:
                names[tag] += 1

    def children(self, parent: etree._Element) -> Counter[str]:
        """Return the names of those of `parent`, in the order they first came, with how many there were."""
        return self._of.get(parent, Counter())


def extract_of(element: etree._Element | None, forgotten: Forgotten) -> Extract:
    """Return the extract of an element, which must not have been freed yet; an empty one of None."""
    if element is None:
        return Extract("")
    ancestors = list(element.iterancestors())[::-1]
    path = "".join(f"/{_step(each, forgotten)}" for each in (*ancestors, element))
    if len(ancestors) > DEEPEST:
        return Extract(path)
    try:
        copy = _copied(ancestors, element, forgotten)
    except _TooMuch:
        return Extract(path)
    xml = etree.tostring(copy, encoding="UTF-8")
    return Extract(path, xml, len(ancestors)) if len(xml) <= LARGEST else Extract(path)


class _TooMuch(Exception):
    """An extract would be too large."""


def _step(element: etree._Element, forgotten: Forgotten) -> str:
    name, parent = local_name(str(element.tag)), element.getparent()
    if parent is None:
        return name
    before = forgotten.children(parent)[str(element.tag)]
    position = before + 1 + sum(1 for _ in element.itersiblings(str(element.tag), preceding=True))
    return f"{name}[{position}]" if position > 1 or name in _REPEATED else name


def _copied(ancestors: list[etree._Element], element: etree._Element, forgotten: Forgotten) -> etree._Element:
    into: etree._Element | None = None
    for ancestor in ancestors:
        into = _bare(ancestor, into)
    if into is not None:
        before = [*islice(element.itersiblings(preceding=True), WIDEST)]
        if len(before) == WIDEST:
            raise _TooMuch
        _stubs(into, forgotten.children(ancestors[-1]), reversed(before))
    copy = _bare(element, into)
    copy.text = _bounded("".join(element.xpath("text()")))
    if len(element) >= WIDEST:
        raise _TooMuch
    _stubs(copy, forgotten.children(element), element)
    return copy.getroottree().getroot()


def _bare(element: etree._Element, into: etree._Element | None) -> etree._Element:
    """Return a copy of an element, last in `into`: its name and its attributes."""
    attributes = {str(name): _bounded(str(value)) for name, value in element.attrib.items()}
    if into is None:
        return etree.Element(str(element.tag), attributes, nsmap=element.nsmap)
    return etree.SubElement(into, str(element.tag), attributes, nsmap=element.nsmap)


def _stubs(into: etree._Element, forgotten: Counter[str], children: Iterable[etree._Element]) -> None:
    """Put in `into` an empty element for each child."""
    freed = chain.from_iterable(repeat(name, min(count, _RUN)) for name, count in forgotten.items())
    names = chain(freed, (str(child.tag) for child in children))
    stubs = [*islice(_without_long_runs(names), MOST_CHILDREN)]
    if len(stubs) == MOST_CHILDREN:
        raise _TooMuch
    for name in stubs:
        etree.SubElement(into, name)


def _without_long_runs(names: Iterable[str]) -> Iterator[str]:
    for _, run in groupby(names):
        yield from islice(run, _RUN)


def _bounded(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise _TooMuch
    return text
