"""Explain texts and attributes that are none of what their type says."""

import re
from datetime import date
from typing import Final

from lxml import etree
from xmlschema.validators import XsdAttribute, XsdElement

from services.ingest.pipeline.explaining.contents import declared
from services.ingest.pipeline.explaining.grammar import model_of
from services.ingest.pipeline.explaining.kinds_of_values import Words, kind_in_words
from services.ingest.pipeline.explaining.places import Place, Told, clipped, one_of

_ATTRIBUTE: Final = re.compile(r"attribute '([^']*)'")
_FRENCH_DATE: Final = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")
_PREFIXES: Final = {"{http://www.w3.org/XML/1998/namespace}": "xml:", "{http://www.w3.org/1999/xlink}": "xlink:"}


def bad_value(place: Place, _: str) -> Told | None:
    """Explain a text that is none of its type."""
    declaration = place.declared
    kind = None if declaration is None else kind_in_words(declaration.type)
    if kind is None or declaration is None or not _refuses(declaration, place.element):
        return None
    value = clipped(place.element.text)
    if value:
        return _not_a(kind, place.name, value)
    fr, en = (", ou pas d’élément du tout", ", or no element at all") if declaration.min_occurs == 0 else ("", "")
    said = f"« {place.name} » est vide ; attendu : {kind.fr}{fr}."
    return Told(Words(said, f"“{place.name}” is empty; expected: {kind.en}{en}."), "", kind)


def bad_attribute(place: Place, reason: str) -> Told | None:
    """Explain an attribute whose value is none of its type."""
    name = _named(reason)
    attribute, value = _attribute(place, name), place.element.get(name)
    if attribute is None or value is None or attribute.type.is_valid(value):
        return None
    kind = kind_in_words(attribute.type)
    return None if kind is None else _not_a(kind, f"{place.name}/@{name}", clipped(value))


def absent_attribute(place: Place, reason: str) -> Told | None:
    """Explain an attribute that must be there, and is not."""
    name = _named(reason)
    attribute = _attribute(place, name)
    if attribute is None or attribute.use != "required" or name in place.element.attrib:
        return None
    kind = kind_in_words(attribute.type) or Words("une valeur", "a value")
    return Told(
        Words(
            f"il manque à « {place.name} » l’attribut « {name} » : {kind.fr}.",
            f"“{place.name}” lacks the attribute “{name}”: {kind.en}.",
        ),
        "",
        Words(f"{name} = {kind.fr}", f"{name} = {kind.en}"),
    )


def unknown_attribute(place: Place, reason: str) -> Told | None:
    """Explain an attribute that the element does not take."""
    name = _named(reason)
    if place.declared is None or name in place.declared.attributes:
        return None
    known = ", ".join(_prefixed(each) for each in place.declared.attributes if each)
    if not known:
        fr = f"« {place.name} » n’admet aucun attribut ; ôtez « {clipped(name)} »."
        en = f"“{place.name}” takes no attribute; take “{clipped(name)}” out."
        return Told(Words(fr, en), clipped(name), Words("aucun attribut", "no attribute"))
    expected = Words(known, known)
    what = Words(
        f"« {place.name} » n’admet pas l’attribut « {clipped(name)} » ; permis : {expected.fr}.",
        f"“{place.name}” takes no attribute “{clipped(name)}”; allowed: {expected.en}.",
    )
    return Told(what, clipped(name), expected)


def stray_text(place: Place, _: str) -> Told | None:
    """Explain a text where only elements are allowed."""
    model = None if place.declared is None else model_of(place.declared)
    value = clipped(place.element.text)
    if model is None or model.mixed or not value:
        return None
    expected = one_of([str(each.name) for each in declared(model)])
    # Of what takes any element of another namespace the grammar names none.
    fr, en = (f" : {expected.fr}", f": {expected.en}") if expected.en else ("", "")
    what = Words(
        f"« {place.name} » contient le texte « {value} », et ne peut contenir que des éléments{fr}.",
        f"“{place.name}” holds the text “{value}”, and can hold elements only{en}.",
    )
    return Told(what, value, expected)


def stray_elements(place: Place, _: str) -> Told | None:
    """Explain elements where only a text is allowed."""
    kind = None if place.declared is None or model_of(place.declared) else kind_in_words(place.declared.type)
    if kind is None:
        return None
    found = one_of([*dict.fromkeys(str(child.tag) for child in place.element)])
    what = Words(
        f"« {place.name} » ne peut pas contenir d’éléments ; attendu : {kind.fr}.",
        f"“{place.name}” cannot hold elements; expected: {kind.en}.",
    )
    return Told(what, found.en, kind)


def _named(reason: str) -> str:
    named = _ATTRIBUTE.search(reason)
    return "" if named is None else named[1]


def _attribute(place: Place, name: str) -> XsdAttribute | None:
    attribute = None if place.declared is None else place.declared.attributes.get(name)
    return attribute if isinstance(attribute, XsdAttribute) else None


def _prefixed(name: str) -> str:
    namespace, brace, local = name.rpartition("}")
    return f"{_PREFIXES.get(namespace + brace, '')}{local}"


def _refuses(declaration: XsdElement, element: etree._Element) -> bool:
    alone = etree.Element(str(element.tag), {str(name): str(value) for name, value in element.attrib.items()})
    alone.text = element.text
    return not declaration.is_valid(alone)  # type: ignore[arg-type]


def _not_a(kind: Words, name: str, value: str) -> Told:
    meant = _meant_date(value) if "2024-06-30" in kind.en else ""
    fr = f" ; écrivez « {meant} »" if meant else f" ; attendu : {kind.fr}"
    en = f"; write “{meant}”" if meant else f"; expected: {kind.en}"
    return Told(Words(f"« {name} » contient « {value} »{fr}.", f"“{name}” holds “{value}”{en}."), value, kind)


def _meant_date(value: str) -> str:
    """Return a date that is written as in French, day first, as XML has it; empty if it is none."""
    written = _FRENCH_DATE.fullmatch(value)
    if written is None:
        return ""
    day, month, year = map(int, written.groups())
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""
