"""Ways to spoil a SEDA document: some of the mutants stay valid, most do not."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from random import Random
from typing import Final

from lxml import etree
from lxml.etree import _Element as Element

from tests.contracts.seda_documents import XLINK, XML, XSI

Place = tuple[str, str]

Spoil = Callable[[], bytes]
"""Writes one mutant, when it is wanted."""

# Values that sit on the edge of one type or another.
BENT: Final = (
    "", " ", " x ", "deux mots", "2024-02-30", "2024-02-29", "2024-02-29T24:01:00", "2024-02-29T08:30:00Z",
    "1789", "1789-07", "--07", "-1", "0", "1", "1,5", "1.5", "true", "VRAI", "I1", "YWJj", "YWJ", "0a1b",
    "fr", "fr_FR", "http://a b/%", "Item", "item", "Keep", "Copy", "geogname", "centimetre", "KGM",
    "Private Archive", "Private  Archive", "99999999999",
)  # fmt: skip
_ATTRIBUTES: Final = (
    "id", "when", "listID", "listURI", "schemeID", "schemeURI", "algorithm", "unit", "filename", "uri",
    "target", "type", "languageID", "inconnu", f"{XML}id", f"{XML}lang", f"{XML}space",
    f"{XLINK}href", f"{XLINK}type", f"{XLINK}role", f"{XLINK}show", f"{XSI}nil", f"{XSI}type",
)  # fmt: skip


def seeded(name: str) -> Random:
    """A source of chance that draws the same for the same name, on every machine."""
    return Random(name)  # noqa: S311 - a test wants to be repeated


def every_mutant(document: Element, seen: set[Place]) -> Iterator[Spoil]:
    """Spoil, in every single way, each kind of place (parent, child) not in `seen` yet."""
    for index, element in enumerate(document.iter(etree.Element)):
        parent = element.getparent()
        place = (str(parent.tag) if parent is not None else "", str(element.tag))
        if place not in seen:
            seen.add(place)
            yield from _around(document, index)


def a_mutant(document: Element, rng: Random, names: tuple[str, ...]) -> bytes:
    """Spoil a document in one to three ways drawn at random; `names` are elements it may be given."""
    mutant = deepcopy(document)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice(_WAYS)(rng.choice(list(mutant.iter(etree.Element))), rng, names)
    return etree.tostring(mutant, pretty_print=True)


def _around(document: Element, index: int) -> Iterator[Spoil]:
    model = list(document.iter(etree.Element))[index]
    attributes = sorted(str(name) for name in model.attrib)
    ways: list[Callable[[Element], None]] = [_drop, _double, _swap, _empty, _nil]
    if len(model) == 0:
        ways += [partial(_write, text=value) for value in BENT]
    for name in attributes:
        ways.append(partial(_strip, name=name))
        ways += [partial(_mark, name=name, value=value) for value in BENT]
    ways += [partial(_mark, name=name, value="I1") for name in _ATTRIBUTES]
    yield from (partial(_spoilt, document, index, way) for way in ways)


def _spoilt(document: Element, index: int, way: Callable[[Element], None]) -> bytes:
    mutant = deepcopy(document)
    way(list(mutant.iter(etree.Element))[index])
    return etree.tostring(mutant, pretty_print=True)


def _drop(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _double(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.insert(parent.index(element), deepcopy(element))


def _swap(element: Element) -> None:
    following = element.getnext()
    if following is not None:
        following.addnext(element)


def _empty(element: Element) -> None:
    element[:] = []
    element.text = None


def _nil(element: Element) -> None:
    _empty(element)
    element.set(f"{XSI}nil", "true")


def _write(element: Element, text: str) -> None:
    element.text = text


def _mark(element: Element, name: str, value: str) -> None:
    element.set(name, value)


def _strip(element: Element, name: str) -> None:
    del element.attrib[name]


def _rename(element: Element, rng: Random, names: tuple[str, ...]) -> None:
    element.tag = f"{{{etree.QName(element).namespace}}}{rng.choice(names)}"


def _insert(element: Element, rng: Random, names: tuple[str, ...]) -> None:
    known = f"{{{etree.QName(element).namespace}}}{rng.choice(names)}"
    stranger = etree.Element(rng.choice((known, "{urn:x}x", "x")))
    stranger.text = rng.choice(BENT)
    element.insert(rng.randint(0, len(element)), stranger)


def _move(element: Element, rng: Random, _names: tuple[str, ...]) -> None:
    target = rng.choice(list(element.getroottree().getroot().iter(etree.Element)))
    if element.getparent() is not None and target not in list(element.iter()):
        target.append(element)


def _bend_text(element: Element, rng: Random, _names: tuple[str, ...]) -> None:
    element.text = rng.choice(BENT)


def _bend_attribute(element: Element, rng: Random, _names: tuple[str, ...]) -> None:
    names = sorted(str(name) for name in element.attrib)
    element.set(rng.choice(names or _ATTRIBUTES), rng.choice(BENT))


def _add_attribute(element: Element, rng: Random, _names: tuple[str, ...]) -> None:
    element.set(rng.choice(_ATTRIBUTES), rng.choice(BENT))


def _lose_attribute(element: Element, rng: Random, _names: tuple[str, ...]) -> None:
    if names := sorted(str(name) for name in element.attrib):
        del element.attrib[rng.choice(names)]


def _leave_the_namespace(element: Element, _rng: Random, _names: tuple[str, ...]) -> None:
    element.tag = etree.QName(element).localname


_WAYS: Final[tuple[Callable[[Element, Random, tuple[str, ...]], None], ...]] = (
    lambda e, _rng, _names: _drop(e),
    lambda e, _rng, _names: _double(e),
    lambda e, _rng, _names: _swap(e),
    lambda e, _rng, _names: _nil(e),
    _rename, _insert, _move, _bend_text, _bend_attribute, _add_attribute, _lose_attribute,
    _leave_the_namespace,
)  # fmt: skip
