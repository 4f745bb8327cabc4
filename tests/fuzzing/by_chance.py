"""Packages spoilt by chance: every choice is taken from one source, so that a seed makes the same bytes again.

Nothing here is taken from real deposits. What knows the grammar (names of SEDA, records of ZIP and TAR) comes
further into our code than noise does.
"""

import io
import re
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from services.ingest.domain.sip import ContainerFormat
from tests.builders.sips import AFile, ASip, AUnit, a_manifest, a_sip

_NAMES: Final = (
    *("ArchiveTransfer", "DataObjectPackage", "DescriptiveMetadata", "ManagementMetadata", "ArchiveUnit", "Content"),
    *("Management", "BinaryDataObject", "PhysicalDataObject", "DataObjectGroup", "DataObjectGroupId", "Uri", "Size"),
    *("DataObjectGroupReferenceId", "DataObjectReferenceId", "DataObjectReference", "ArchiveUnitRefId", "Title"),
    *("MessageDigest", "DataObjectVersion", "FormatIdentification", "FormatId", "Attachment", "Relationship"),
    *("StartDate", "EndDate", "Date", "AppraisalRule", "AccessRule", "HoldRule", "Rule", "RefNonRuleId"),
    *("PreventInheritance", "FinalAction", "MessageIdentifier", "ArchivalAgency", "Identifier", "Comment"),
    *("SignedObjectId", "Signature", "SigningInformation", "Extended", "Metadata", "OtherMetadata", "PhysicalId"),
    *("Inconnu", "xml", "é"),
)
_TEXTS: Final = (
    *("", "u1", "u2", "o1", "g1", "grp-0", "obj-0", "unit-1", " ", "-1", "9" * 30, "2024-02-31", "-0001", "99999-12"),
    *("Content/a.txt", "%00", "%CC%81" * 5, "../x", "&amp;&lt;", "&#x10FFFF;", "\u0301" * 40, "true", "SHA-512"),
    *("<![CDATA[]]>", "<!-- -->", "<?x y?>", "&x;", "\x01", "\u202e", "==", "AAAA", "BinaryMaster_0"),
)
_ATTRIBUTES: Final = (
    *('id="u1"', 'id="o1"', 'id=""', 'algorithm="MD5"', 'target="o1"', 'xml:lang="fr"', 'xmlns=""', 'xmlns:a="b"'),
    *('a:b="c"', 'restrictionValue="x"', "id='u2'", 'xsi:type="x"', 'xml:id="u1"'),
)
_TOKENS = re.compile(r"<[^>]*>|[^<]+")
_NAMESPACE: Final = "fr:gouv:culture:archivesdefrance:seda:v2."
_FILE: Final = AFile("Content/a.txt", b"abc")
_PLAIN: Final = ASip(
    (_FILE, AFile("Content/été + 1.bin", bytes(range(256)))),
    (AUnit("T", files=(0,), management="<AccessRule><Rule>A</Rule></AccessRule>"), AUnit("V", files=(1,))),
    message_identifier="m",
)


def noise(rng: Random) -> bytes:
    """Bytes, behind the first ones of something that is known or none."""
    marks = (b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\x00", b"BZh9", b"<?xml", b"ustar\x0000")
    return rng.choice(marks) + rng.randbytes(rng.randrange(2000))


def a_spoilt_container(rng: Random) -> bytes:
    """A right package of any container, hurt here and there."""
    package = bytearray(_package(rng))
    for _ in range(rng.randint(1, 4)):
        rng.choice((_flip, _cut, _splice, _double, _lie))(package, rng)
    return bytes(package)


def a_package_of_entries(rng: Random) -> bytes:
    """A right container of entries of all kinds of names."""
    parts = (
        "a",
        "..",
        ".",
        "",
        "é",
        "e\u0301",
        "C:",
        "\\",
        "\x00",
        "x" * 300,
        "manifest.xml",
        "a_manifest.xml",
        "+ %",
    )
    names = ["/".join(rng.choices(parts, k=rng.randint(1, 4))) for _ in range(rng.randint(1, 12))]
    out = io.BytesIO()
    if rng.random() < 0.5:
        with tarfile.open(fileobj=out, mode="w", format=rng.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))) as tar:
            for name in names:
                member = tarfile.TarInfo(name)
                member.type = rng.choice((tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, b"S"))
                tar.addfile(member)
        return out.getvalue()
    # Of two entries of one name Python's own writer warns.
    with zipfile.ZipFile(out, "w") as package:
        for name in dict.fromkeys(name.replace("\x00", "\x01") for name in names):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, rng.choice((0, 0o100644, 0o120777, 0o40755)) << 16
            package.writestr(info, rng.randbytes(rng.randrange(40)))
    return out.getvalue()


def an_odd_tree(rng: Random) -> bytes:
    """Names of SEDA wherever they do not belong."""
    budget = [rng.randrange(1, 120)]
    inner = "".join(_tree(rng, budget, 0) for _ in range(rng.randint(0, 4)))
    root = "ArchiveTransfer" if rng.random() < 0.9 else rng.choice(_NAMES)
    return _packed(f'<{root} xmlns="{_NAMESPACE}{rng.randrange(4)}">{inner}</{root}>'.encode())


def a_manifest_of_spoilt_bytes(rng: Random) -> bytes:
    """A right manifest, hurt here and there."""
    manifest = bytearray(a_manifest(_PLAIN))
    for _ in range(rng.randint(1, 3)):
        rng.choice((_flip, _cut, _splice, _double))(manifest, rng)
    return _packed(bytes(manifest))


def a_manifest_of_spoilt_tokens(rng: Random) -> bytes:
    """A right manifest whose tags and texts were dropped, doubled, moved or changed for others."""
    tokens = _TOKENS.findall(a_manifest(_PLAIN).decode())
    for _ in range(rng.randint(1, 6)):
        here, there = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        change = rng.randrange(6)
        if change == 0:
            del tokens[here]
        elif change == 1:
            tokens.insert(there, tokens[here])
        elif change == 2:
            tokens[here], tokens[there] = tokens[there], tokens[here]
        elif change == 3:
            tokens[here] = rng.choice(_TEXTS)
        elif change == 4:
            tokens.insert(here, _tree(rng, [8], 0))
        else:
            tokens[here:here] = tokens[min(here, there) : max(here, there)]
    return _packed("".join(tokens).encode(errors="replace"))


MAKERS: Final[dict[str, Callable[[Random], bytes]]] = {
    "noise": noise,
    "spoilt containers": a_spoilt_container,
    "entries of all names": a_package_of_entries,
    "odd trees": an_odd_tree,
    "manifests of spoilt bytes": a_manifest_of_spoilt_bytes,
    "manifests of spoilt tokens": a_manifest_of_spoilt_tokens,
}
"""What makes a package out of chance, by what it makes."""


def _tree(rng: Random, budget: list[int], depth: int) -> str:
    budget[0] -= 1
    name, attributes = rng.choice(_NAMES), " ".join(rng.sample(_ATTRIBUTES, rng.choice((0, 0, 0, 1, 2))))
    inner = rng.choice(_TEXTS) if rng.random() < 0.5 else ""
    while budget[0] > 0 and depth < 12 and rng.random() < 0.6:
        inner += _tree(rng, budget, depth + 1)
    return f"<{name} {attributes}>{inner}</{name}>"


def _packed(manifest: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("manifest.xml", manifest)
        for file in _PLAIN.files:
            package.writestr(file.path, file.content)
    return out.getvalue()


def _package(rng: Random) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return a_sip(Path(folder) / "sip", _PLAIN, rng.choice(list(ContainerFormat))).read_bytes()


def _flip(data: bytearray, rng: Random) -> None:
    for _ in range(rng.randint(1, 8)):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _cut(data: bytearray, rng: Random) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _splice(data: bytearray, rng: Random) -> None:
    start = rng.randrange(len(data) + 1)
    data[start : start + rng.randrange(600)] = rng.randbytes(rng.randrange(600))


def _double(data: bytearray, rng: Random) -> None:
    start = rng.randrange(len(data) + 1)
    data[start:start] = data[start : start + rng.randrange(1500)]


def _lie(data: bytearray, rng: Random) -> None:
    """Write a number where a ZIP or a TAR keeps a size, a count, an offset or a length of a name."""
    value = rng.choice((0, 1, 0xFF, 0xFFFF, 0xFFFFFFFF, rng.randrange(2**32)))
    zips = [place for mark in (b"PK\1\2", b"PK\3\4", b"PK\5\6") for place in _all(data, mark)]
    if zips and rng.random() < 0.9:
        place = rng.choice(zips) + rng.randrange(4, 46, 2)
        field = struct.pack("<I", value)[: rng.choice((2, 4))]
        data[place : place + len(field)] = field
        return
    place = rng.randrange(len(data) // 512 + 1) * 512
    if len(data) >= place + 512:
        data[place + 124 : place + 136] = rng.choice((b"%011o\0" % value, b"\x80" + rng.randbytes(11), b"\xff" * 12))
        data[place + 148 : place + 156] = b" " * 8
        data[place + 148 : place + 156] = b"%06o\0 " % sum(data[place : place + 512])


def _all(data: bytearray, mark: bytes) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(mark), data)]
