"""Manifests of any size that are all one thing: each repeats, chains or nests what costs a reader most."""

from collections.abc import Callable
from itertools import count
from typing import Final

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ArchiveTransfer xmlns="fr:gouv:culture:archivesdefrance:seda:v2.1">'
    "<Comment>c</Comment><Date>2024-07-01T10:00:00Z</Date><MessageIdentifier>m</MessageIdentifier>"
    "<ArchivalAgreement>ACCORD-1</ArchivalAgreement>"
)
_TAIL: Final = "</ArchiveTransfer>"
_OBJECTS: Final = (f"{_HEAD}<DataObjectPackage>", f"<DescriptiveMetadata/></DataObjectPackage>{_TAIL}")
_UNITS: Final = (
    f"{_HEAD}<DataObjectPackage><DescriptiveMetadata>",
    f"</DescriptiveMetadata></DataObjectPackage>{_TAIL}",
)
_CONTENT: Final = (f'{_UNITS[0]}<ArchiveUnit id="u"><Content>', f"</Content></ArchiveUnit>{_UNITS[1]}")
_MANAGEMENT: Final = (f'{_UNITS[0]}<ArchiveUnit id="u"><Management>', f"</Management></ArchiveUnit>{_UNITS[1]}")


def _around(place: tuple[str, str], piece: Callable[[int], str], size: int) -> bytes:
    """Return `place` filled with numbered pieces until it weighs `size` bytes."""
    left, pieces = size, [place[0]]
    for number in count():
        made = piece(number)
        left -= len(made)
        if left < 0:
            break
        pieces.append(made)
    return "".join([*pieces, place[1]]).encode()


def _repeated(before: str, piece: str, after: str) -> Callable[[int], bytes]:
    return lambda size: f"{before}{piece * (size // len(piece))}{after}".encode()


def _numbered(place: tuple[str, str], piece: Callable[[int], str]) -> Callable[[int], bytes]:
    return lambda size: _around(place, piece, size)


def _wrapped(size: int) -> bytes:
    """A chain of units that only refer to the next one, under a unit that refers to each."""
    number = size // 190
    wrappers = (
        f'<ArchiveUnit id="w{n}"><ArchiveUnitRefId>w{n + 1}</ArchiveUnitRefId></ArchiveUnit>' for n in range(number)
    )
    uses = (f"<ArchiveUnit><ArchiveUnitRefId>w{n}</ArchiveUnitRefId></ArchiveUnit>" for n in range(number))
    holder = f'<ArchiveUnit id="h"><Content/>{"".join(uses)}</ArchiveUnit>'
    return f"{_UNITS[0]}{''.join(wrappers)}{holder}{_UNITS[1]}".encode()


def _references(unit: Callable[[int, int], str], weight: int) -> Callable[[int], bytes]:
    def made(size: int) -> bytes:
        number = size // weight
        return f"{_UNITS[0]}{''.join(unit(n, number) for n in range(number))}{_UNITS[1]}".encode()

    return made


def _pointing(n: int, *targets: int) -> str:
    held = "".join(f"<ArchiveUnit><ArchiveUnitRefId>u{t}</ArchiveUnitRefId></ArchiveUnit>" for t in targets)
    return f'<ArchiveUnit id="u{n}"><Content/>{held}</ArchiveUnit>'


def _nested(size: int) -> bytes:
    """Elements nested as deep as libxml2 goes, again and again, with something a tolerance may forgive inside."""
    deep = 180
    one = "<ArchiveUnit>" * deep + "<Content><Xx/></Content>" * 200 + "</ArchiveUnit>" * deep
    return f"{_UNITS[0]}{one * (size // len(one))}{_UNITS[1]}".encode()


def _attributes(size: int) -> bytes:
    many = " ".join(f'a{n}=""' for n in range(size // 11))
    return f"{_CONTENT[0]}<Title {many}/>{_CONTENT[1]}".encode()


def _namespaces(size: int) -> bytes:
    named = " ".join(f'xmlns:a{n}="b{n}"' for n in range(size // 26))
    return f"{_CONTENT[0]}<Title {named}>t</Title>{_CONTENT[1]}".encode()


def _one_text(filling: str) -> Callable[[int], bytes]:
    def made(size: int) -> bytes:
        text = filling * (size // len(filling.encode()))
        return f"{_CONTENT[0]}<Title>{text}\U0001f5c4</Title>{_CONTENT[1]}".encode()

    return made


def _long_tag(size: int) -> bytes:
    """A tag of nothing but blanks, in a place where a tolerance may forgive it."""
    return f"{_MANAGEMENT[0]}<Xx{' ' * size}/>{_MANAGEMENT[1]}".encode()


def _uri(text: str) -> Callable[[int], bytes]:
    def made(size: int) -> bytes:
        uri = text * (size // len(text.encode()))
        return f'{_OBJECTS[0]}<BinaryDataObject id="o"><Uri>{uri}</Uri></BinaryDataObject>{_OBJECTS[1]}'.encode()

    return made


def _deep_units(size: int) -> bytes:
    """Things that nobody knows on every level of a deep tree: none of them ends before all the others."""
    levels = 150
    junk = "<x/>" * (size // 4 // levels)
    opened = "".join(f'<ArchiveUnit id="u{n}">{junk}' for n in range(levels))
    return f"{_UNITS[0]}{opened}{'</ArchiveUnit>' * levels}{_UNITS[1]}".encode()


_OBJECT = '<BinaryDataObject id="o{0}"/>'

NASTY: Final[dict[str, Callable[[int], bytes]]] = {
    "unknown elements beneath the root": _repeated(_HEAD, "<x/>", _TAIL),
    "unknown elements between objects": _repeated(_OBJECTS[0], "<x/>", _OBJECTS[1]),
    "unknown elements between units": _repeated(_UNITS[0], "<x/>\n", _UNITS[1]),
    "unknown elements in a unit": _repeated(f'{_UNITS[0]}<ArchiveUnit id="u">', "<x/>", f"</ArchiveUnit>{_UNITS[1]}"),
    "unknown elements on each level": _deep_units,
    "unknown elements in an object": _repeated(
        f'{_OBJECTS[0]}<BinaryDataObject id="o">', "<x/>", f"</BinaryDataObject>{_OBJECTS[1]}"
    ),
    "elements in one description": _repeated(_CONTENT[0], "<Tag/>", _CONTENT[1]),
    "elements of a foreign namespace": _repeated(_CONTENT[0], '<x xmlns=""/>', _CONTENT[1]),
    "elements of distinct names": _numbered(_CONTENT, lambda n: f"<a{n}/>"),
    "unknown elements of distinct names": _numbered((_HEAD, _TAIL), lambda n: f"<a{n}/>"),
    "an element of endless attributes": _attributes,
    "an element of endless namespaces": _namespaces,
    "one text": _one_text("x"),
    "one text of quotes": _one_text('"'),
    "one tag of blanks": _long_tag,
    "rules of one unit": _repeated(
        f"{_MANAGEMENT[0]}<AppraisalRule>", "<Rule/>", f"</AppraisalRule>{_MANAGEMENT[1]}"
    ),
    "refused rules": _repeated(
        f"{_MANAGEMENT[0]}<AppraisalRule>", "<RefNonRuleId/>", f"</AppraisalRule>{_MANAGEMENT[1]}"
    ),
    "rules of each unit": _repeated(
        _UNITS[0],
        "<ArchiveUnit><Management><AppraisalRule><Rule>x</Rule></AppraisalRule></Management></ArchiveUnit>",
        _UNITS[1],
    ),
    "bare units": _repeated(_UNITS[0], "<ArchiveUnit/>", _UNITS[1]),
    "units of one identifier": _repeated(_UNITS[0], '<ArchiveUnit id="u"/>', _UNITS[1]),
    "units of bad dates": _repeated(
        _UNITS[0],
        "<ArchiveUnit><Content><StartDate>x</StartDate><EndDate>y</EndDate></Content></ArchiveUnit>",
        _UNITS[1],
    ),
    "bare objects": _repeated(_OBJECTS[0], "<BinaryDataObject/>", _OBJECTS[1]),
    "objects": _numbered(_OBJECTS, _OBJECT.format),
    "objects of one group": _repeated(
        _OBJECTS[0],
        "<BinaryDataObject><DataObjectGroupId>g</DataObjectGroupId></BinaryDataObject>",
        _OBJECTS[1],
    ),
    "groups": _numbered(_OBJECTS, lambda n: f'<DataObjectGroup id="g{n}"/>'),
    "groups named in objects": _numbered(
        (f"{_OBJECTS[0]}<BinaryDataObject>", f"</BinaryDataObject>{_OBJECTS[1]}"),
        lambda n: f"<DataObjectGroupId>{n}</DataObjectGroupId>",
    ),
    "groups around groups": _repeated(_OBJECTS[0], "<DataObjectGroup>" * 9 + "</DataObjectGroup>" * 9, _OBJECTS[1]),
    "references of one unit": _repeated(
        f"{_UNITS[0]}<ArchiveUnit><DataObjectReference>",
        "<DataObjectReferenceId/>",
        f"</DataObjectReference></ArchiveUnit>{_UNITS[1]}",
    ),
    "references in few lists": _repeated(
        f"{_UNITS[0]}<ArchiveUnit>",
        f"<DataObjectReference>{'<a/>' * 50}</DataObjectReference>",
        f"</ArchiveUnit>{_UNITS[1]}",
    ),
    "references in descriptions": _repeated(_CONTENT[0], "<SignedObjectId/>", _CONTENT[1]),
    "wrappers of wrappers": _wrapped,
    "a loop of all units": _references(lambda n, number: _pointing(n, (n + 1) % number), 120),
    "loops back from each unit": _references(lambda n, number: _pointing(n, (n + 1) % number, 0, n), 260),
    "a dense knot": _references(lambda n, _: _pointing(n, *range(100)), 7000),
    "tolerances at depth": _nested,
    "an address of combining marks": _uri("\u0301\u0323"),
    "an address of escapes": _uri("%CC%81%CC%A3"),
    "an address of slashes": _uri("/./"),
}
"""What each is, and how to make one of about so many bytes."""
