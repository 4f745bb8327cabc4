"""Say a simple type in words, in French and in English."""

import re
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from xmlschema.validators import (
    XsdComplexType,
    XsdEnumerationFacets,
    XsdList,
    XsdPatternFacets,
    XsdSimpleType,
    XsdType,
    XsdUnion,
)

MOST_VALUES: Final = 25
"""Values of a closed list that are all told."""

LONGEST_PATTERN: Final = 200

# A pattern which is a list of plain words.
_WORDS = re.compile(r"[\w -]+(?:\|[\w -]+)*")
_XSD = "{http://www.w3.org/2001/XMLSchema}"


class Words(NamedTuple):
    """A text in French and in English."""

    fr: str
    en: str


_NAME = Words(
    "un identifiant XML (il commence par une lettre ou « _ », sans espace ni « : »)",
    "an XML identifier (it begins with a letter or “_”, without space nor “:”)",
)
_REFERENCE = Words("l’identifiant (id) d’un élément du bordereau", "the identifier (id) of some element")

_NO_YEAR = Words(
    "un mois ou un jour sans année (--06, --06-30, ---30)", "a month or a day without a year (--06, --06-30, ---30)"
)
_NUMBER = Words("un nombre, avec un point pour virgule (12.5)", "a number (12.5)")
_TEXT = Words("un texte", "a text")

_BUILT_IN: Final = MappingProxyType(
    {
        "date": Words("une date (2024-06-30)", "a date (2024-06-30)"),
        "dateTime": Words("une date et une heure (2024-06-30T17:45:00)", "a date and time (2024-06-30T17:45:00)"),
        "time": Words("une heure (17:45:00)", "a time (17:45:00)"),
        "gYear": Words("une année (2024)", "a year (2024)"),
        "gYearMonth": Words("un mois d’une année (2024-06)", "a month of a year (2024-06)"),
        "gMonth": _NO_YEAR,
        "gMonthDay": _NO_YEAR,
        "gDay": _NO_YEAR,
        "duration": Words("une durée (P10Y)", "a duration (P10Y)"),
        "boolean": Words("« true » ou « false »", "“true” or “false”"),
        "positiveInteger": Words("un nombre entier d’au moins 1", "a whole number of at least 1"),
        "nonNegativeInteger": Words("un nombre entier, 0 ou plus", "a whole number, 0 or more"),
        "integer": Words("un nombre entier", "a whole number"),
        "decimal": _NUMBER,
        "float": _NUMBER,
        "double": _NUMBER,
        "ID": _NAME,
        "NCName": _NAME,
        "IDREF": _REFERENCE,
        "IDREFS": _REFERENCE,
        "NMTOKEN": Words("un code sans espace", "a code without space"),
        "language": Words("un code de langue (fr, fr-FR)", "a code of a language (fr, fr-FR)"),
        "anyURI": Words("une adresse (URI)", "an address (URI)"),
        "base64Binary": Words("du base64", "base64"),
        "hexBinary": Words("de l’hexadécimal", "hexadecimal digits"),
        "token": _TEXT,
        "normalizedString": _TEXT,
        "string": _TEXT,
    }
)


def kind_in_words(kind: XsdType) -> Words | None:
    """Return what a value of this type is; None where we have no words for it."""
    simple = kind.content if isinstance(kind, XsdComplexType) else kind
    if not isinstance(simple, XsdSimpleType):
        return None
    if isinstance(simple, XsdList):
        return None
    union = next((each for each in _bases(simple) if isinstance(each, XsdUnion)), None)
    if union is None:
        return _listed(simple) or _built_in(simple)
    members = [kind_in_words(member) for member in union.member_types]
    return either([*dict.fromkeys(member for member in members if member is not None)])


def either(choices: Sequence[Words]) -> Words:
    """Return alternatives as one text, empty where there are none."""
    return Words(_joined([each.fr for each in choices], "ou"), _joined([each.en for each in choices], "or"))


def _joined(texts: Sequence[str], last: str) -> str:
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}" if texts[1:] else "".join(texts)


def _listed(kind: XsdSimpleType) -> Words | None:
    """Return the values of a closed list, or the pattern of an open one."""
    for base in _bases(kind):
        if str(base.name).startswith(_XSD):
            return None  # what XML Schema says itself of an identifier is no help
        for facet in base.facets.values():
            if isinstance(facet, XsdEnumerationFacets):
                return _values([str(each) for each in facet.enumeration])
            if isinstance(facet, XsdPatternFacets):
                return _patterns([str(each) for each in facet.regexps])
    return None


def _patterns(patterns: list[str]) -> Words:
    if all(_WORDS.fullmatch(pattern) for pattern in patterns):
        return _values([value for pattern in patterns for value in pattern.split("|")])
    told = " | ".join(patterns)[:LONGEST_PATTERN]
    return Words(f"une valeur de la forme « {told} »", f"a value of the form “{told}”")


def _values(values: list[str]) -> Words:
    told = ", ".join(values[:MOST_VALUES]) + ("…" if values[MOST_VALUES:] else "")
    return Words(f"l’une des valeurs {told}", f"one of {told}") if values[1:] else Words(told, told)


def _built_in(kind: XsdSimpleType) -> Words | None:
    names = (str(base.name).removeprefix(_XSD) for base in _bases(kind) if base.name)
    found = next((_BUILT_IN[name] for name in names if name in _BUILT_IN), None)
    if found is not None and found == _TEXT and any(base.min_length for base in _bases(kind)):
        return Words("un texte qui n’est pas vide", "a text that is not empty")
    return found


def _bases(kind: XsdSimpleType) -> Iterator[XsdSimpleType]:
    """Give a type, and what it restricts."""
    base: XsdType | None = kind
    while isinstance(base, XsdSimpleType):
        yield base
        base = base.base_type
