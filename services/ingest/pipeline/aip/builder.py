"""Write the AIP: a pure function of the SIP and of its build plan, in one pass over the SIP's files.

Whoever calls twice with the same package and plan gets the same bytes, on any machine, at any time. Memory
does not grow with the size of files, and little with their number.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import files as package_files
from typing import BinaryIO, Protocol

from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.signatures import SignatureReport
from services.ingest.domain.sip import Inventory, Manifest, MeasuredFile
from services.ingest.pipeline.aip import layout
from services.ingest.pipeline.aip.catalogue import description_lines, object_lines
from services.ingest.pipeline.aip.layout import AipMismatch, Data
from services.ingest.pipeline.aip.mets import Member, Members, data_members, write_mets
from services.ingest.pipeline.aip.premis import write_premis
from services.ingest.pipeline.signatures.report import report_lines
from shared.packaging.spool import Measure, Spool
from shared.packaging.tar import CHUNK, TarWriter

_XML = "application/xml"
_JSON = "application/json"
# NDJSON has no registered media type, and CSIP26 wants a registered one.
_NDJSON = "text/plain"
_UNKNOWN_DIGEST = "0" * 128


class OpenedPackage(Protocol):
    """A SIP's container as the builder reads it."""

    def open_manifest(self) -> AbstractContextManager[BinaryIO]:
        """Open the manifest, byte for byte as received."""

    def files(self) -> Iterator[tuple[str, int, BinaryIO]]:
        """Yield path (relative to the manifest's folder), size and stream of every other file.

        They come in the order of the container, which is the order of the inventory; a stream
        is read to its end before the next one is asked for.
        """


@dataclass(frozen=True, slots=True)
class AipSummary:
    """What there is to know of an AIP just written; positions and lengths are bytes in the TAR."""

    sha512: str
    size: int
    catalogue_offset: int
    catalogue_length: int
    catalogue_sha512: str
    mets_sha512: str
    premis_sha512: str
    manifest_sha512: str
    units: int
    objects: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _Documents:
    """The members written by us, complete."""

    mets: Spool
    premis: Spool
    signatures: Spool | None
    catalogue: Spool
    seda: Spool
    documentation: bytes
    schema: bytes


def build_aip(
    package: OpenedPackage, inventory: Inventory, manifest: Manifest, plan: BuildPlan, out: BinaryIO
) -> AipSummary:
    """Write the AIP to `out` and say what it is.

    Every file is hashed while it is copied: raises `AipMismatch`, leaving `out` unfinished, if the package
    differs from the inventory in any byte, or the manifest from the package.
    """
    root = str(plan.aip_id)
    data = layout.lay_out(inventory, manifest, root)
    with ExitStack() as spools:
        documents = _write_documents(spools, package, manifest, plan, data, inventory.signatures)
        with TarWriter(out, int(datetime.fromisoformat(plan.received_at).timestamp())) as tar:
            catalogue_offset = _pack(tar, root, documents, package, data)
            digest = tar.finish()
        return AipSummary(
            sha512=digest,
            size=tar.position,
            catalogue_offset=catalogue_offset,
            catalogue_length=documents.catalogue.size,
            catalogue_sha512=documents.catalogue.sha512,
            mets_sha512=documents.mets.sha512,
            premis_sha512=documents.premis.sha512,
            manifest_sha512=documents.seda.sha512,
            units=len(manifest.units),
            objects=len(manifest.objects),
            files=len(data.files),
            bytes=data.size,
        )


def _write_signatures(spools: ExitStack, report: SignatureReport | None, plan: BuildPlan) -> Spool | None:
    if report is None:
        return None
    spool = spools.enter_context(Spool())
    for line in report_lines(report, plan):
        spool.write(line)
    return spool


def _write_documents(
    spools: ExitStack,
    package: OpenedPackage,
    manifest: Manifest,
    plan: BuildPlan,
    data: Data,
    report: SignatureReport | None,
) -> _Documents:
    mets, premis, catalogue, seda = (spools.enter_context(Spool()) for _ in range(4))
    ours = package_files("services.ingest.pipeline.aip")
    documents = _Documents(
        mets,
        premis,
        _write_signatures(spools, report, plan),
        catalogue,
        seda,
        ours.joinpath("documentation.txt").read_bytes(),
        ours.joinpath("catalogue.schema.json").read_bytes(),
    )
    with package.open_manifest() as stream:
        while chunk := stream.read(CHUNK):
            seda.write(chunk)
    write_premis(premis, manifest, data, plan, report)
    for line in description_lines(manifest, plan, data):
        catalogue.write(line)
    _write_located(documents, manifest, plan, data)
    return documents


def _write_located(documents: _Documents, manifest: Manifest, plan: BuildPlan, data: Data) -> None:
    """Write what depends on positions: the objects of the catalogue, then METS.

    The catalogue holds offsets, which depend on the length of METS, which holds the digest of the catalogue.
    Lengths do not depend on offsets nor digests: so we measure first, and write when all lengths are known.
    """
    catalogue = documents.catalogue
    length = catalogue.size + sum(map(len, object_lines(manifest, plan, data, 0)))
    members = _members(documents, data, Member(layout.CATALOGUE, length, _UNKNOWN_DIGEST, _NDJSON))
    mets = Measure()
    write_mets(mets, manifest, members, plan)
    before = [
        members.premis,
        *([] if members.signatures is None else [members.signatures]),
        members.catalogue,
        members.seda,
        members.documentation,
        members.schema,
    ]
    sizes = [(layout.METS, mets.size), *((member.name, member.size) for member in before)]
    start = layout.members_length(str(plan.aip_id), sizes)
    for line in object_lines(manifest, plan, data, start):
        catalogue.write(line)
    final = replace(members, catalogue=replace(members.catalogue, sha512=catalogue.sha512))
    write_mets(documents.mets, manifest, final, plan)
    if (catalogue.size, documents.mets.size) != (length, mets.size):
        raise AssertionError("a document of the AIP changed its length between two writings")


def _members(documents: _Documents, data: Data, catalogue: Member) -> Members:
    return Members(
        seda=Member(layout.SUBMISSION, documents.seda.size, documents.seda.sha512, _XML),
        catalogue=catalogue,
        premis=Member(layout.PREMIS, documents.premis.size, documents.premis.sha512, _XML),
        documentation=_fixed(layout.DOCUMENTATION, documents.documentation, "text/plain"),
        schema=_fixed(layout.SCHEMA, documents.schema, "application/json"),
        files=data_members(data),
        signatures=_report(documents.signatures),
    )


def _report(spool: Spool | None) -> Member | None:
    return None if spool is None else Member(layout.SIGNATURES, spool.size, spool.sha512, _JSON)


def _fixed(name: str, content: bytes, mime: str) -> Member:
    return Member(name, len(content), hashlib.sha512(content).hexdigest(), mime)


def _pack(tar: TarWriter, root: str, documents: _Documents, package: OpenedPackage, data: Data) -> int:
    """Write all the entries in their order; return the position of the catalogue."""
    small = ((layout.METS, documents.mets), (layout.PREMIS, documents.premis))
    signed = () if documents.signatures is None else ((layout.SIGNATURES, documents.signatures),)
    for name, spool in (*small, *signed):
        tar.add(f"{root}/{name}", spool.size, spool.chunks())
    catalogue = documents.catalogue
    catalogue_offset = tar.add(f"{root}/{layout.CATALOGUE}", catalogue.size, catalogue.chunks())
    tar.add(f"{root}/{layout.SUBMISSION}", documents.seda.size, documents.seda.chunks())
    for name, content in (
        (layout.DOCUMENTATION, documents.documentation),
        (layout.SCHEMA, documents.schema),
    ):
        tar.add(f"{root}/{name}", len(content), [content])
    _pack_files(tar, root, package, data)
    return catalogue_offset


def _pack_files(tar: TarWriter, root: str, package: OpenedPackage, data: Data) -> None:
    start = tar.position
    expected = iter(data.files)
    for path, size, stream in package.files():
        placed = next(expected, None)
        if placed is None or (placed.file.path, placed.file.size) != (path, size):
            raise AipMismatch(f"{path}: not the file that was checked in this place")
        offset = tar.add(f"{root}/{placed.name}", size, _verified(stream, placed.file))
        if offset != start + placed.offset:
            raise AssertionError(f"{path}: at {offset}, announced at {start + placed.offset}")
    if (missing := next(expected, None)) is not None:
        raise AipMismatch(f"{missing.file.path}: missing from the package")


def _verified(stream: BinaryIO, file: MeasuredFile) -> Iterator[bytes]:
    """Yield the bytes of `stream`; raise before its end is told if they are not those measured."""
    digest = hashlib.sha512()
    size = 0
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    if size != file.size or digest.hexdigest() != file.sha512:
        raise AipMismatch(f"{file.path}: not the bytes that were checked")
