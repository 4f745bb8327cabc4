"""Write version n + 1 of an AIP from version n, read once from a stream.

Whoever calls twice with the same bytes, units and plan gets the same bytes, on any machine, at any time. Documents
lie on disk; memory grows with the number of units and files, by some hundred bytes each, and never with their sizes.
"""

import hashlib
import tarfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files as package_files
from itertools import chain
from pathlib import Path
from typing import IO, BinaryIO
from uuid import UUID
from xml.parsers.expat import ExpatError

from services.storage.domain.rewriting import RewritePlan, Rewritten
from services.storage.pipeline.rewriting import layout
from services.storage.pipeline.rewriting.catalogue import rewritten_lines
from services.storage.pipeline.rewriting.layout import Listed, UnreadablePackage, offsets
from services.storage.pipeline.rewriting.manifest import ManifestEditor, keeps_aside
from services.storage.pipeline.rewriting.mets import MetsEditor, listed
from services.storage.pipeline.rewriting.premis import PremisEditor
from services.storage.pipeline.rewriting.scope import ImpossiblePurge, Scope, mark, read_scope
from services.storage.pipeline.rewriting.signatures import rewritten_report
from services.storage.pipeline.rewriting.splicing import Editor, Splicer
from services.storage.pipeline.sources import Source
from shared.checksums import MIB
from shared.packaging.spool import Measure, Spool
from shared.packaging.tar import CHUNK, TarWriter, entry_length

_UNKNOWN = bytes(64)

NewSpool = Callable[[], Spool]


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of the old TAR, to be read before the next one."""

    name: str
    size: int
    mtime: int
    content: IO[bytes]


@dataclass(frozen=True, slots=True)
class _Documents:
    """The documents of the new version, and the files of the old one in their order."""

    spools: dict[str, Spool]
    files: list[Listed]
    kept: list[Listed]
    scope: Scope


def rewrite_package(
    source: Source, units: Collection[UUID], plan: RewritePlan, out: BinaryIO, scratch: Path | None = None
) -> Rewritten:
    """Write the new version to `out` and say what it is; `source` is read to its end or up to what cannot be read.

    Documents lie in files of `scratch` meanwhile, or wherever the system likes.

    Raises `UnreadablePackage`, leaving `out` unfinished, `ImpossiblePurge` (see `read_scope`), and whatever the
    source raises. Whether these were the bytes that were stored, whoever gave them must know.
    """
    try:
        with ExitStack() as spools, tarfile.open(fileobj=source, mode="r|", bufsize=MIB) as tar:  # type: ignore[call-overload]

            def new_spool() -> Spool:
                return spools.enter_context(Spool(scratch))

            members = _members(tar, str(plan.aip_id))
            old, first, mtime = _read_documents(new_spool, members)
            documents = _write_documents(new_spool, old, frozenset(units), plan)
            with TarWriter(out, mtime) as written:
                catalogue_offset = _pack(written, plan, documents, first, members)
                digest = written.finish()
            return _summary(documents, digest, written.position, catalogue_offset)
    except (tarfile.TarError, EOFError, ExpatError, ValueError, LookupError, TypeError) as error:
        raise UnreadablePackage(f"{type(error).__name__}: {error}") from error


def _summary(documents: _Documents, digest: str, size: int, catalogue_offset: int) -> Rewritten:
    catalogue, scope = documents.spools[layout.CATALOGUE], documents.scope
    return Rewritten(
        sha512=digest,
        size=size,
        catalogue_offset=catalogue_offset,
        catalogue_length=catalogue.size,
        catalogue_sha512=catalogue.sha512,
        gone_units=len(scope.units),
        objects=tuple(sorted(map(UUID, scope.objects))),
        gone_files=len(documents.files) - len(documents.kept),
        gone_bytes=_bytes(documents.files) - _bytes(documents.kept),
    )


def _bytes(files: Iterable[Listed]) -> int:
    return sum(file.size for file in files)


def _members(tar: tarfile.TarFile, root: str) -> Iterator[_Member]:
    while (member := tar.next()) is not None:
        # It remembers all that it has read; we read each once.
        tar.members.clear()  # type: ignore[attr-defined]
        content = tar.extractfile(member) if member.isreg() else None
        if content is None or not member.name.startswith(f"{root}/"):
            raise UnreadablePackage(f"{member.name}: no member of this AIP")
        yield _Member(member.name.removeprefix(f"{root}/"), member.size, int(member.mtime), content)


def _read_documents(new_spool: NewSpool, members: Iterator[_Member]) -> tuple[dict[str, Spool], _Member | None, int]:
    """Return the old documents, the first file if there is one, and the time of all members."""
    old: dict[str, Spool] = {}
    mtime = 0
    for member in members:
        mtime = member.mtime
        if member.name not in layout.SMALL:
            return old, member, mtime
        old[member.name] = new_spool()
        while chunk := member.content.read(CHUNK):
            old[member.name].write(chunk)
    return old, None, mtime


def _write_documents(
    new_spool: NewSpool, old: dict[str, Spool], units: frozenset[UUID], plan: RewritePlan
) -> _Documents:
    listing = list(listed(old[layout.METS].chunks()))
    _require_whole(old, listing)
    scope = read_scope(old[layout.CATALOGUE].lines(), units)
    files = [each for each in listing if each.name.startswith(layout.DATA)]
    kept = [file for file in files if not scope.has_gone(file)]
    scope.gone_paths.update(file.name for file in files if scope.has_gone(file))
    scope.kept_paths.update(file.name for file in kept)
    new = {name: new_spool() for name in layout.SMALL if name in old}
    _redact(old, new, scope, plan)
    for name in (layout.DOCUMENTATION, layout.SCHEMA):
        new[name].write(package_files(__package__).joinpath(name.rpartition("/")[2]).read_bytes())
    documents = _Documents(new, files, kept, scope)
    _write_located(old, documents, plan, [each for each in listing if each.name not in scope.gone_paths])
    return documents


def _redact(old: Mapping[str, Spool], new: Mapping[str, Spool], scope: Scope, plan: RewritePlan) -> None:
    """Write the documents that depend on no place; make sure that all that goes was found in them."""
    manifest = ManifestEditor(scope, plan)
    Splicer(new[layout.SUBMISSION], manifest, keeps_aside).copy(old[layout.SUBMISSION].chunks())
    if layout.SIGNATURES in old:
        gone, kept = (
            frozenset(path.removeprefix(layout.DATA) for path in paths)
            for paths in (scope.gone_paths, scope.kept_paths)
        )
        for line in rewritten_report(old[layout.SIGNATURES].lines(), gone, kept, plan):
            new[layout.SIGNATURES].write(line)
    premis = PremisEditor(scope, plan, [_as_listed(name, old[name]) for name in layout.DESCRIBING if name in old])
    _splice(old[layout.PREMIS], new[layout.PREMIS], premis)
    if missed := {mark(each) for each in scope.units | scope.objects} - manifest.found:
        raise ImpossiblePurge(f"the manifest has no {min(missed)}: what describes it would stay")
    if missed := scope.objects_of_files - premis.found:
        raise ImpossiblePurge(f"PREMIS has no object {min(missed)}: its name would stay")


def _require_whole(old: dict[str, Spool], listing: Iterable[Listed]) -> None:
    announced = {each.name: each for each in listing if not each.name.startswith(layout.DATA)}
    for name, spool in old.items():
        if name != layout.METS and (spool.size, spool.sha512) != (
            announced[name].size,
            announced[name].sha512.hex(),
        ):
            raise UnreadablePackage(f"{name}: not the bytes that METS lists")


def _splice(old: Spool, new: Spool, editor: Editor) -> None:
    Splicer(new, editor).copy(old.chunks())


def _as_listed(name: str, spool: Spool) -> Listed:
    return Listed("", name, spool.size, bytes.fromhex(spool.sha512))


def _write_located(old: dict[str, Spool], documents: _Documents, plan: RewritePlan, listing: list[Listed]) -> None:
    """Write what depends on positions: the catalogue, then METS.

    As when the AIP was built: lengths depend on neither offsets nor digests, so they are measured first.
    """
    new, root = documents.spools, str(plan.aip_id)
    files = len(documents.kept), _bytes(documents.kept)

    def lines(places: Mapping[str, int]) -> Iterator[bytes]:
        return rewritten_lines(old[layout.CATALOGUE].lines(), documents.scope, plan, files, places)

    length = sum(map(len, lines({})))
    members = {name: _as_listed(name, spool) for name, spool in new.items() if name != layout.METS}
    members[layout.CATALOGUE] = Listed("", layout.CATALOGUE, length, _UNKNOWN)
    measure = Measure()
    Splicer(measure, MetsEditor(plan, members, listing)).copy(old[layout.METS].chunks())
    sizes = {**{name: member.size for name, member in members.items()}, layout.METS: measure.size}
    start = sum(sum(entry_length(f"{root}/{name}", size)) for name, size in sizes.items())
    for line in lines(offsets(root, start, documents.kept)):
        new[layout.CATALOGUE].write(line)
    members[layout.CATALOGUE] = _as_listed(layout.CATALOGUE, new[layout.CATALOGUE])
    _splice(old[layout.METS], new[layout.METS], MetsEditor(plan, members, listing))
    if (new[layout.CATALOGUE].size, new[layout.METS].size) != (length, measure.size):
        raise AssertionError("a document of the AIP changed its length between two writings")


def _pack(
    tar: TarWriter, plan: RewritePlan, documents: _Documents, first: _Member | None, members: Iterator[_Member]
) -> int:
    """Write all the entries in their order; return the position of the catalogue."""
    root = str(plan.aip_id)
    places = {name: tar.add(f"{root}/{name}", spool.size, spool.chunks()) for name, spool in documents.spools.items()}
    kept = {file.name for file in documents.kept}
    expected = iter(documents.files)
    for member in chain([] if first is None else [first], members):
        file = next(expected, None)
        if file is None or (file.name, file.size) != (member.name, member.size):
            raise UnreadablePackage(f"{member.name}: not the file that METS lists in this place")
        if file.name in kept:
            tar.add(f"{root}/{file.name}", file.size, _verified(member.content, file))
    if (missing := next(expected, None)) is not None:
        raise UnreadablePackage(f"{missing.name}: missing")
    return places[layout.CATALOGUE]


def _verified(content: IO[bytes], file: Listed) -> Iterator[bytes]:
    digest = hashlib.sha512()
    while chunk := content.read(CHUNK):
        digest.update(chunk)
        yield chunk
    if digest.digest() != file.sha512:
        raise UnreadablePackage(f"{file.name}: not the bytes that METS lists")
