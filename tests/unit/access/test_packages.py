"""A DIP is a ZIP that any tool opens, with names that are safe and bytes that were compared."""

import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest

from services.access.domain.dip import Dip, DipState, Names
from services.access.domain.zip_stream import ZipStream
from services.access.pipeline.package import CannotPackage, Limits, Sources, write_package
from shared.checksums import Measure
from shared.object_store.port import NOTHING, Receipt, Written

AIP = UUID("01990000-0000-7000-8000-000000000001")
ORDERED_AT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
LIMITS = Limits(units=10, size=1000)


class Collected:
    """An object writer that keeps everything in memory."""

    def __init__(self) -> None:
        self.bytes = b""

    @property
    def size(self) -> int:
        return len(self.bytes)

    async def write(self, chunk: bytes) -> None:
        self.bytes += chunk

    async def commit(self, *, size: int | None = None, digests: Mapping[str, str] = NOTHING) -> Written:
        assert (size, digests) == (None, NOTHING)
        return Written(Receipt("k", None, self.size), Measure("", self.size), {})

    async def abort(self) -> None:
        self.bytes = b""

    async def __aenter__(self) -> "Collected":
        return self

    async def __aexit__(self, *_: object) -> None:
        return


class Shelf:
    """Units and objects as the other rooms tell of them, in memory."""

    def __init__(self) -> None:
        self.units: dict[UUID, list[dict[str, Any]]] = {}
        self.objects: dict[UUID, dict[str, Any]] = {}
        self.contents: dict[int, bytes] = {}

    def add(self, path: str, content: bytes, *, told: bytes | None = None) -> UUID:
        offset = 1000 * len(self.contents)
        self.contents[offset] = content
        object_id = uuid5(AIP, f"{path}{offset}")
        self.objects[object_id] = {
            "aip_id": str(AIP),
            "aip_version": 3,
            "offset": offset,
            "size": len(content),
            "sha512": hashlib.sha512(content if told is None else told).hexdigest(),
            "filename": path,
            "path": f"representations/original/data/{path}",
            "format": {"puid": "fmt/18"},
        }
        return object_id

    def hold(self, *objects: UUID, below: int = 0) -> UUID:
        root = uuid4()
        held = [{"id": str(each), "digest": self.objects[each]["sha512"]} for each in objects]
        aip = {"aip_id": str(AIP)}
        units = [{"id": str(root), "title": "Délibération", "objects": held, **aip}]
        units += [{"id": str(uuid5(root, str(n))), "title": "", "objects": [], **aip} for n in range(below)]
        self.units[root] = units
        return root

    async def branch(self, unit: UUID) -> AsyncIterator[dict[str, Any]]:
        for each in self.units.get(unit, ()):
            yield each

    async def data_object(self, object_id: UUID) -> dict[str, Any] | None:
        return self.objects.get(object_id)

    @asynccontextmanager
    async def content(
        self, aip: UUID, version: int | None, offset: int, size: int
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        assert (aip, version, size) == (AIP, 3, len(self.contents[offset]))

        async def chunks() -> AsyncIterator[bytes]:
            for position in range(0, size, 3):
                yield self.contents[offset][position : position + 3]

        yield chunks()

    @property
    def sources(self) -> Sources:
        return Sources(self.branch, self.data_object, self.content)


def an_order(*units: UUID) -> Dip:
    return Dip(UUID(int=1), UUID(int=2), "client:x", units, DipState.ORDERED, ORDERED_AT, ORDERED_AT)


async def packed(shelf: Shelf, *units: UUID) -> bytes:
    writer = Collected()
    await write_package(an_order(*units), shelf.sources, LIMITS, writer)
    return writer.bytes


async def test_a_package_holds_units_files_and_a_manifest_that_is_right() -> None:
    shelf = Shelf()
    acte = shelf.hold(shelf.add("Content/acte.pdf", b"%PDF acte"), shelf.add("Content/vide.txt", b""), below=2)

    package = zipfile.ZipFile(io.BytesIO(await packed(shelf, acte)))

    assert package.testzip() is None
    assert package.namelist() == [
        "LISEZMOI.txt",
        "metadata/units.json",
        f"content/{AIP}/Content/acte.pdf",
        f"content/{AIP}/Content/vide.txt",
        "dip.json",
        "manifest-sha512.txt",
    ]
    assert package.read(f"content/{AIP}/Content/acte.pdf") == b"%PDF acte"
    units = json.loads(package.read("metadata/units.json"))
    assert (len(units), units[0]["id"]) == (3, str(acte))
    summary = json.loads(package.read("dip.json"))
    assert summary["counts"] == {"files": 2, "bytes": 9}
    lines = package.read("manifest-sha512.txt").decode().splitlines()
    assert len(lines) == 5
    for line in lines:
        digest, _, name = line.partition("  ")
        assert hashlib.sha512(package.read(name)).hexdigest() == digest


async def test_a_unit_asked_for_twice_and_an_object_held_twice_are_there_once() -> None:
    shelf = Shelf()
    shared = shelf.add("a.pdf", b"a")
    first, second = shelf.hold(shared), shelf.hold(shared)
    shelf.units[second] += shelf.units[first]

    package = zipfile.ZipFile(io.BytesIO(await packed(shelf, first, second)))

    assert len(json.loads(package.read("metadata/units.json"))) == 2
    assert len([name for name in package.namelist() if name.startswith("content/")]) == 1


async def test_the_same_order_gives_the_same_bytes() -> None:
    shelf = Shelf()
    unit = shelf.hold(shelf.add("a.pdf", b"a" * 100))

    assert await packed(shelf, unit) == await packed(shelf, unit)


async def test_bytes_that_are_not_those_archived_make_no_package() -> None:
    shelf = Shelf()
    unit = shelf.hold(shelf.add("a.pdf", b"altered", told=b"original"))

    with pytest.raises(CannotPackage, match="not those archived"):
        await packed(shelf, unit)


@pytest.mark.parametrize(("below", "content", "reason"), [(10, b"", "units"), (0, b"x" * 1001, "bytes")])
async def test_a_package_beyond_the_limits_is_not_built(below: int, content: bytes, reason: str) -> None:
    shelf = Shelf()
    unit = shelf.hold(shelf.add("a.pdf", content), below=below)

    with pytest.raises(CannotPackage, match=reason):
        await packed(shelf, unit)


async def test_a_unit_that_went_away_is_named() -> None:
    with pytest.raises(CannotPackage, match="no longer in the catalogue"):
        await packed(Shelf(), UUID(int=5))


def test_names_cannot_climb_out_nor_meet_whatever_the_system() -> None:
    names = Names()

    def name(path: str) -> str:
        return names.name(AIP, UUID(int=9), f"representations/original/data/{path}")

    folder = f"content/{AIP}"
    assert name("../../etc/./passwd") == f"{folder}/etc/passwd"
    assert name("C:\\a\nb.pdf") == f"{folder}/C__a_b.pdf"
    assert name("É.PDF ") == f"{folder}/É.PDF"
    assert name("é.pdf") == f"{folder}/{UUID(int=9)}_é.pdf"
    assert name("dossier./x") == f"{folder}/dossier/x"


def test_a_file_of_more_than_four_gibibytes_is_announced_as_zip64() -> None:
    stream = ZipStream()
    with stream.entry("big", 5 * 1024**3):
        pass
    with stream.entry("small", 5):
        pass
    stream.close()

    local = stream.take()

    assert local.count(b"PK\x03\x04\x2d") == 1
    assert local.count(b"PK\x03\x04\x14") == 1
