"""Build a SIP: a ZIP of files under Content/ and the manifest that describes them.

Each file is read once, straight into the package, so the digest in the manifest is that of the very
bytes deposited, and the memory used does not depend on their size.
"""

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha512
from io import BytesIO
from pathlib import Path, PurePath
from tempfile import TemporaryFile
from typing import IO

from chartrier_client.description import DescriptionError, Envelope, SedaVersion, SourceFile, Unit
from chartrier_client.files import sha512_of_rest
from chartrier_client.language import Text
from chartrier_client.manifest import UnitNode, WrittenFile, write_manifest

CHUNK = 1 << 20
# XML readers refuse documents nested deeper than 256 elements; a filing tree never comes near this.
MAX_DEPTH = 100
# ZIP dates begin in 1980.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
PLAIN_EXTENSION = re.compile(r"\.[a-z0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class BuiltSip:
    """A finished package on disk. `files` tells which digest each deposited file has.

    `left_out` are paths of a folder that are not deposited, `notes` what was assumed of its metadata file.
    """

    path: Path
    message_identifier: str
    size: int
    units: int
    files: tuple[WrittenFile, ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[Text, ...] = ()


class SipBuilder:
    """Collects units and files, then writes them as one package.

    The same calls and the same envelope give the same package, whatever the day; only the compressed
    bytes may differ from one compression library to another.
    """

    def __init__(self, envelope: Envelope, version: SedaVersion = SedaVersion.V2_2) -> None:
        self._envelope = envelope
        self._version = version
        self._nodes: dict[str, UnitNode] = {}
        self._sources: list[tuple[str, SourceFile]] = []

    def add_unit(self, unit: Unit, parent: str | None = None) -> str:
        """Add a unit, under `parent` or at the root; returns the identifier to hang others below."""
        above = self._node(parent) if parent is not None else None
        depth = above.depth + 1 if above else 0
        if depth > MAX_DEPTH:
            raise DescriptionError(
                Text(
                    f"«{unit.title}» est au niveau {depth}, le plus profond est {MAX_DEPTH}",
                    f"«{unit.title}» is {depth} levels deep, the most is {MAX_DEPTH}",
                )
            )
        identifier = f"UA{len(self._nodes) + 1}"
        self._nodes[identifier] = UnitNode(identifier, unit, depth)
        if above:
            above.children.append(identifier)
        return identifier

    def add_file(self, unit: str, source: SourceFile) -> None:
        """Attach a file to a unit; it is read when the package is written."""
        self._node(unit).groups.append(f"GO{len(self._sources) + 1}")
        self._sources.append((unit, source))

    def write(
        self, path: Path, *, compress: bool = True, on_progress: Callable[[int, int], None] | None = None
    ) -> BuiltSip:
        """Write the package at `path`, which appears only when it is whole.

        Files that are large and compressed already are faster deposited with `compress=False`. `on_progress` hears
        how many bytes of the files are packaged, and how many there are.
        """
        if not self._nodes:
            raise DescriptionError(
                Text("un paquet demande au moins une unité d'archives", "a package needs at least one archive unit")
            )
        part = path.with_name(path.name + ".part")
        progress = _Progress(on_progress, sum(source.size for _, source in self._sources) if on_progress else 0)
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as package:
                files = tuple(
                    self._add_content(package, number, content, progress)
                    for number, content in enumerate(self._sources, start=1)
                )
                with package.open(self._entry(package, "manifest.xml"), "w", force_zip64=True) as out:
                    write_manifest(out, self._version, self._envelope, self._nodes, files)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return BuiltSip(path, self._envelope.message_identifier, path.stat().st_size, len(self._nodes), files)

    def manifest_digest(self, moment: datetime) -> str:
        """Return the SHA-512, in hexadecimal, of the manifest that `write` would write for a message of that moment.

        It names each file with its size and digest: the same manifest is the same package. All files are read.
        """
        files = tuple(_measured(number, *content) for number, content in enumerate(self._sources, start=1))
        with TemporaryFile() as out:
            write_manifest(out, self._version, replace(self._envelope, date=moment), self._nodes, files)
            out.seek(0)
            return sha512_of_rest(out)

    def _node(self, identifier: str) -> UnitNode:
        try:
            return self._nodes[identifier]
        except KeyError:
            raise DescriptionError(
                Text(
                    f"aucune unité {identifier} n'a été ajoutée à ce paquet",
                    f"no unit {identifier} was added to this package",
                )
            ) from None

    def _add_content(
        self, package: zipfile.ZipFile, number: int, content: tuple[str, SourceFile], progress: "_Progress"
    ) -> WrittenFile:
        unit, source = content
        entry = self._entry(package, _uri(number, source))
        entry.file_size = source.size  # lets zipfile choose ZIP64 before the first byte
        with _opened(source) as opened, package.open(entry, "w") as out:
            digest, size = _copy(opened, out, progress)
        return _written(number, unit, source, digest, size)

    def _entry(self, package: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
        moment = self._envelope.date.timetuple()[:6]
        entry = zipfile.ZipInfo(name, max(moment, ZIP_EPOCH))
        entry.compress_type = package.compression
        entry.create_system = 3  # the same bytes on every system: zipfile would write the builder's own
        entry.external_attr = 0o644 << 16
        return entry


def _uri(number: int, source: SourceFile) -> str:
    return f"Content/OBJ{number}{_plain_extension(source.name)}"


def _written(number: int, unit: str, source: SourceFile, digest: str, size: int) -> WrittenFile:
    return WrittenFile(f"OBJ{number}", f"GO{number}", unit, _uri(number, source), source, digest, size)


def _measured(number: int, unit: str, source: SourceFile) -> WrittenFile:
    with _opened(source) as opened:
        digest = sha512_of_rest(opened)
    return _written(number, unit, source, digest, source.size)


def _opened(source: SourceFile) -> IO[bytes]:
    return BytesIO(source.content) if isinstance(source.content, bytes) else source.content.open("rb")


@dataclass(slots=True)
class _Progress:
    """How far the files are read, for whoever wants to hear it."""

    tell: Callable[[int, int], None] | None
    total: int
    done: int = 0

    def add(self, count: int) -> None:
        self.done += count
        if self.tell:
            self.tell(self.done, max(self.total, self.done))


def _copy(content: IO[bytes], out: IO[bytes], progress: _Progress) -> tuple[str, int]:
    digest, size = sha512(), 0
    while chunk := content.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
        out.write(chunk)
        progress.add(len(chunk))
    return digest.hexdigest(), size


def _plain_extension(name: str) -> str:
    # Names inside the package are ours and plain ASCII: the depositor's name is in FileInfo, whole.
    suffix = PurePath(name).suffix.lower()
    return suffix if PLAIN_EXTENSION.fullmatch(suffix) else ""
