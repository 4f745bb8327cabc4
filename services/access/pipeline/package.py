"""Write a DIP as a ZIP, bit by bit.

LISEZMOI.txt            what this is, and how to check it
metadata/units.json     the units asked for and all below them, with their whole descriptions
content/<aip>/<path>    the files, byte for byte, each compared with its recorded digest as it passes
dip.json                the order, and each file's name, object, size, digest and format
manifest-sha512.txt     for ``sha512sum -c``
"""

import hashlib
import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.access.domain.dip import Dip, DipFile, Names
from services.access.domain.zip_stream import ZipStream
from shared.clock import rfc3339
from shared.messaging.outcome import TryAgain
from shared.object_store.port import ObjectWriter

README = """\
Communication d'archives (DIP). dip.json décrit la commande et les fichiers, metadata/units.json les unités
d'archives. Pour vérifier les fichiers : sha512sum -c manifest-sha512.txt

Dissemination information package (DIP). dip.json describes the order and the files, metadata/units.json the
archive units. To check the files: sha512sum -c manifest-sha512.txt
"""


class CannotPackage(Exception):
    """This order can never be packed; the text is told to whoever placed it."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a package's parts come from: a unit with all below it, an object, a range of an AIP's version."""

    branch: Callable[[UUID], AsyncIterator[dict[str, Any]]]
    data_object: Callable[[UUID], Awaitable[dict[str, Any] | None]]
    content: Callable[[UUID, int | None, int, int], AbstractAsyncContextManager[AsyncIterator[bytes]]]


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest package that is built, and how many bytes there is room for now (None: nobody can tell)."""

    units: int
    size: int
    room: int | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a package: binary objects, in their order; units; the AIPs that they are of."""

    objects: dict[UUID, None] = field(default_factory=dict)
    units: set[UUID] = field(default_factory=set)
    aips: set[UUID] = field(default_factory=set)


class Packer:
    """Writes the entries of a package to an object store, and remembers their digests."""

    def __init__(self, writer: ObjectWriter) -> None:
        self._writer = writer
        self._zip = ZipStream()
        self._digests: list[tuple[str, str]] = []

    async def add(self, name: str, size: int, chunks: AsyncIterable[bytes]) -> str:
        """Write one entry as its bytes come, and return their SHA-512."""
        digest = hashlib.sha512()
        with self._zip.entry(name, size) as handle:
            async for chunk in chunks:
                digest.update(chunk)
                handle.write(chunk)
                await self._writer.write(self._zip.take())
        self._digests.append((digest.hexdigest(), name))
        return digest.hexdigest()

    async def end(self) -> None:
        """Write the manifest and the directory; the package is complete, not yet committed."""
        lines = "".join(f"{sha512}  {name}\n" for sha512, name in self._digests)
        await self.add("manifest-sha512.txt", len(lines), _one(lines))
        self._zip.close()
        await self._writer.write(self._zip.take())


async def write_package(dip: Dip, sources: Sources, limits: Limits, writer: ObjectWriter) -> Contents:
    """Write the whole package and say what is in it.

    Raises `CannotPackage`, or `TryAgain` for want of room, and what sources raise.
    """
    packer = Packer(writer)
    await packer.add("LISEZMOI.txt", len(README), _one(README))
    contents = Contents()
    await packer.add("metadata/units.json", 0, _units(dip, sources, limits, contents))
    files = await _files(sources, limits, tuple(contents.objects))
    for file in files:
        await _add_file(packer, sources, file)
    summary = _summary(dip, files)
    await packer.add("dip.json", len(summary), _one(summary))
    await packer.end()
    return contents


async def _units(dip: Dip, sources: Sources, limits: Limits, contents: Contents) -> AsyncIterator[bytes]:
    """Write each unit once; gather the binary objects it holds, and its AIP."""
    seen = contents.units
    for root in dip.units:
        found = False
        async for unit in sources.branch(root):
            found = True
            if UUID(unit["id"]) in seen:
                continue
            yield (b",\n" if seen else b"[\n") + json.dumps(unit, ensure_ascii=False).encode()
            seen.add(UUID(unit["id"]))
            contents.aips.add(UUID(unit["aip_id"]))
            contents.objects.update(
                (UUID(each["id"]), None) for each in unit["objects"] if each["digest"] is not None
            )
            if len(seen) > limits.units:
                raise CannotPackage(f"more than {limits.units} archive units")
        if not found:
            raise CannotPackage(f"archive unit {root} is no longer in the catalogue")
    yield b"\n]\n"


async def _files(sources: Sources, limits: Limits, held: tuple[UUID, ...]) -> list[DipFile]:
    names = Names()
    files: list[DipFile] = []
    total = 0
    for object_id in held:
        found = await sources.data_object(object_id)
        if found is None:
            raise CannotPackage(f"object {object_id} is no longer in the catalogue")
        total += found["size"]
        if total > limits.size:
            raise CannotPackage(f"more than {limits.size} bytes")
        aip_id = UUID(found["aip_id"])
        files.append(
            DipFile(
                object_id=object_id,
                aip_id=aip_id,
                version=found.get("aip_version"),
                offset=found["offset"],
                size=found["size"],
                sha512=found["sha512"],
                filename=found["filename"],
                puid=found["format"]["puid"],
                name=names.name(aip_id, object_id, found["path"]),
            )
        )
    if limits.room is not None and total > limits.room:
        raise TryAgain(f"staging has room for {limits.room} bytes, and the package has {total}")
    return files


async def _add_file(packer: Packer, sources: Sources, file: DipFile) -> None:
    async with sources.content(file.aip_id, file.version, file.offset, file.size) as chunks:
        found = await packer.add(file.name, file.size, chunks)
    if found != file.sha512:
        raise CannotPackage(f"object {file.object_id}: the bytes read are not those archived")


def _summary(dip: Dip, files: list[DipFile]) -> str:
    summary = {
        "format": "chartrier-dip",
        "version": 1,
        "dip": str(dip.id),
        "establishment": str(dip.establishment),
        "ordered_at": rfc3339(dip.ordered_at),
        "units": [str(unit) for unit in dip.units],
        "counts": {"files": len(files), "bytes": sum(file.size for file in files)},
        "files": [
            {
                "name": file.name,
                "object": str(file.object_id),
                "aip": str(file.aip_id),
                "filename": file.filename,
                "format": file.puid,
                "size": file.size,
                "sha512": file.sha512,
            }
            for file in files
        ],
    }
    return json.dumps(summary, ensure_ascii=False, indent=2) + "\n"


async def _one(text: str) -> AsyncIterator[bytes]:
    yield text.encode()
