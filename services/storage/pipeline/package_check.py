"""Read an AIP as whoever restores it would: one pass over its TAR, METS and catalogue held to every byte.

The first member is METS.xml, which names every other with its size and SHA-512 (E-ARK CSIP 2.1); the catalogue says
where the bytes of each object stand in the TAR. Memory grows with the number of members, by some 250 bytes each, and
never with their sizes.
"""

import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO
from urllib.parse import unquote

from lxml import etree

from services.storage.domain.packages import Fault, Package
from services.storage.pipeline.rewriting.layout import SMALL
from services.storage.pipeline.sources import MeasuredSource, Source
from shared.checksums import MIB, Measure, Meter

METS = "METS.xml"
CATALOGUE = "metadata/descriptive/catalogue.ndjson"
MOST_FAULTS = 20
"""Faults that are named; where there are more, the package is beyond a list."""

_NS = "{http://www.loc.gov/METS/}"
_HREF = "{http://www.w3.org/1999/xlink}href"


@dataclass(slots=True)
class _Reading:
    """What one pass gathers."""

    announced: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    placed: dict[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, member: str, reason: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(member, reason))


def check_package(source: Source, root: str) -> Package:
    """Read a package to its end and say what it is; it never raises for what is in it.

    `root` is the name of its one folder: the AIP's identifier. Raises whatever the source raises.
    """
    measured = MeasuredSource(source)
    reading = _Reading()
    try:
        with tarfile.open(fileobj=measured, mode="r|", bufsize=MIB) as tar:  # type: ignore[call-overload]
            for member in tar:
                _check_member(reading, tar, member, root)
    except (tarfile.TarError, EOFError):
        reading.fault("", "unreadable")
    measure = measured.measure_all()
    for name in sorted(reading.announced.keys() - reading.seen):
        reading.fault(name, "missing")
    size = sum(size for size, _ in reading.announced.values())
    return Package(measure, len(reading.announced), size, tuple(_placed(reading)))


def told(fault: Fault) -> str:
    """Return a fault as it may be kept for ever, ``reason: member``: no name that a depositor gave is in it.

    A member of the archive's own making is named, any other by its position in METS.
    """
    if fault.member in SMALL or not fault.member:
        return f"{fault.reason}: {fault.member}"
    return f"{fault.reason}: " + (f"file {fault.position}" if fault.position else "a file that METS does not name")


def _placed(reading: _Reading) -> Iterator[Fault]:
    positions = {name: number for number, name in enumerate(reading.announced, 1)} if reading.faults else {}
    for fault in reading.faults:
        yield Fault(fault.member, fault.reason, positions.get(fault.member, 0))


def _check_member(reading: _Reading, tar: tarfile.TarFile, member: tarfile.TarInfo, root: str) -> None:
    name = member.name.removeprefix(f"{root}/")
    content = tar.extractfile(member) if member.isreg() and name != member.name else None
    if content is None:
        if not member.isdir():
            reading.fault(member.name, "unknown")
        return
    if name == METS and not reading.announced:
        _read_mets(reading, content)
        return
    if name not in reading.announced or name in reading.seen:
        reading.fault(name, "unknown")
        return
    reading.seen.add(name)
    found = _read_catalogue(reading, content) if name == CATALOGUE else _measure(content)
    size, digest = reading.announced[name]
    if (found.size, bytes.fromhex(found.sha512)) != (size, digest):
        reading.fault(name, "bytes")
    elif reading.placed.get(name, member.offset_data) != member.offset_data:
        reading.fault(name, "place")


def _measure(content: IO[bytes]) -> Measure:
    meter = Meter()
    while chunk := content.read(MIB):
        meter.update(chunk)
    return meter.measure()


def _read_mets(reading: _Reading, content: IO[bytes]) -> None:
    tags = (f"{_NS}mdRef", f"{_NS}FLocat", f"{_NS}file")
    parsing = etree.iterparse(content, ("start", "end"), tag=tags, resolve_entities=False, no_network=True)
    try:
        fixity: dict[str, str] = {}
        for event, element in parsing:
            if event == "start" and element.tag == f"{_NS}file":
                fixity = dict(element.attrib)
            elif event == "end" and element.tag != f"{_NS}file":
                _announce(reading, element, fixity if element.tag == f"{_NS}FLocat" else dict(element.attrib))
            elif event == "end":
                _forget(element)
    except (etree.XMLSyntaxError, KeyError, ValueError):
        reading.fault(METS, "unreadable")


def _announce(reading: _Reading, located: etree._Element, fixity: Mapping[str, str]) -> None:
    if fixity["CHECKSUMTYPE"] != "SHA-512":
        raise ValueError("METS names another digest than SHA-512")
    name = unquote(str(located.attrib[_HREF]))
    reading.announced[name] = (int(fixity["SIZE"]), bytes.fromhex(str(fixity["CHECKSUM"])))


def _forget(element: etree._Element) -> None:
    """Let go of what was read: a package of 100,000 files has a METS of 60 MB."""
    element.clear()
    while element.getprevious() is not None:
        parent = element.getparent()
        if parent is None:
            return
        del parent[0]


def _read_catalogue(reading: _Reading, content: IO[bytes]) -> Measure:
    """Note where the catalogue says that the bytes of each object stand."""
    meter = Meter()
    try:
        for line in _lines(content, meter):
            entry = json.loads(line)
            if entry["type"] == "object" and entry.get("path") is not None:
                _place(reading, entry)
    except (ValueError, KeyError, TypeError):
        reading.fault(CATALOGUE, "unreadable")
        while chunk := content.read(MIB):
            meter.update(chunk)
    return meter.measure()


def _place(reading: _Reading, entry: Mapping[str, object]) -> None:
    name = str(entry["path"])
    announced = reading.announced.get(name)
    if announced != (entry["size"], bytes.fromhex(str(entry["sha512"]))):
        reading.fault(name, "missing" if announced is None else "bytes")
    reading.placed[name] = int(str(entry["offset"]))


def _lines(content: IO[bytes], meter: Meter) -> Iterator[bytes]:
    for line in content:
        meter.update(line)
        yield line
