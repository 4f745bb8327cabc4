"""Read one manifest from disk: never more than one unit of it in memory, every error with its line."""

import gc
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lxml import etree

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import Limits
from services.ingest.domain.sip import Manifest
from services.ingest.domain.suspects import Suspect
from services.ingest.pipeline.manifest.bounds import BeyondLimit
from services.ingest.pipeline.manifest.builder import ManifestBuilder
from services.ingest.pipeline.manifest.content import local_name
from services.ingest.pipeline.manifest.hidden import with_hidden
from services.ingest.pipeline.manifest.parser import CHUNK, pull_parser
from services.ingest.pipeline.manifest.prolog import HEAD, NO_ROOT, prolog_fault
from services.ingest.pipeline.manifest.schema_errors import schema_errors, schema_suspects
from services.ingest.pipeline.manifest.sweeping import Sweeper
from services.ingest.pipeline.manifest.tolerated import take_out, told
from services.ingest.pipeline.manifest.xml_errors import told_first, xml_reason
from services.ingest.pipeline.schema import NAMESPACES, load_schema, version_of


@dataclass(frozen=True, slots=True)
class ManifestReading:
    """What a manifest says, and what is wrong with its XML; `manifest` is None when it cannot be read at all.

    `suspects` tell more of the findings of its grammar, in their order.
    """

    manifest: Manifest | None
    findings: tuple[Finding, ...]
    suspects: tuple[Suspect, ...] = ()


class _Stop(Exception):
    """The parsing cannot go on; `finding` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding


def read_manifest(path: Path, place: str, limits: Limits, tolerances: Collection[str] = ()) -> ManifestReading:
    """Read the manifest at `path`, which findings will call `place`. Never raises for what is in it.

    `tolerances` are what its agreement forgives of the grammar. A copy of the manifest may be made beside it.
    """
    reading = read_model(path, place, limits)
    if reading.manifest is None:
        return reading
    version = reading.manifest.header.seda_version
    suspects, forgiven = _schema_findings(path, place, version, limits, tolerances)
    return ManifestReading(reading.manifest, (*(each.finding for each in suspects), *forgiven), suspects)


def read_model(path: Path, place: str, limits: Limits) -> ManifestReading:
    """Read as `read_manifest` does, and ask no grammar: for a manifest that has been judged by it."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    fault = prolog_fault(head, place)
    if fault is not None:
        return ManifestReading(None, (fault,))
    try:
        version, namespace = _version(head, place)
        manifest = _parse(path, place, ManifestBuilder(version, namespace, limits), limits)
    except _Stop as stop:
        finding = stop.finding
    else:
        return ManifestReading(manifest, ())
    # lxml's parser and the tree that it leaves half built hold each other: megabytes, until somebody looks.
    gc.collect()
    return ManifestReading(None, (finding,))


def _schema_findings(
    path: Path, place: str, version: str, limits: Limits, tolerances: Collection[str]
) -> tuple[tuple[Suspect, ...], list[Finding]]:
    """Judge by the grammar; where that refuses, once more without what `tolerances` forgive.

    Returns what is refused, and what is or might be forgiven.
    """
    namespace = NAMESPACES[version]
    errors = schema_errors(path, load_schema(version), namespace, limits.max_schema_errors)
    if not errors:
        return (), []
    copy = path.with_name(f"{path.name}.tolerated")
    forgivable = take_out(path, version, namespace, tolerances, copy)
    if any(kind.tolerance in tolerances for kind in forgivable):
        path = copy
        errors = schema_errors(path, load_schema(version), namespace, limits.max_schema_errors)
    errors = with_hidden(path, (version, namespace), errors, limits.max_schema_errors)
    copy.unlink()
    return tuple(schema_suspects(errors, place, version)), told(forgivable, tolerances, place, version)


def _version(head: bytes, place: str) -> tuple[str, str]:
    """Return version and namespace of the root. Raises `_Stop` if it is no transfer of a version we read."""
    parser = pull_parser(("start",), (), None)
    try:
        parser.feed(head)
        _, root = next(iter(parser.read_events()), ("", None))
    except etree.XMLSyntaxError as error:
        # The root may have been read before the error; what follows is told by the real parsing.
        _, root = next(iter(parser.read_events()), ("", None))
        if root is None:
            raise _Stop(_xml_error(error, parser, place)) from error
    if root is None:
        raise _Stop(found("MANIFEST_XML", f"{place}:1", **NO_ROOT))
    if root.getroottree().docinfo.internalDTD is not None:
        raise _Stop(found("MANIFEST_DOCTYPE", f"{place}:1"))
    namespace = etree.QName(root).namespace or ""
    version = version_of(namespace)
    if version is None:
        raise _Stop(found("MANIFEST_VERSION", f"{place}:1", namespace=namespace[:200], known=", ".join(NAMESPACES)))
    if local_name(str(root.tag)) != "ArchiveTransfer":
        raise _Stop(found("MANIFEST_NOT_A_TRANSFER", f"{place}:1", element=local_name(str(root.tag))[:100]))
    return version, namespace


def _parse(path: Path, place: str, builder: ManifestBuilder, limits: Limits) -> Manifest:
    """Return the model of a manifest. Raises `_Stop` if it is not well-formed, or beyond a limit."""
    parser = pull_parser(("start", "end"), builder.tags(), None)
    try:
        with path.open("rb") as file:
            _feed(file, parser, builder, limits)
        parser.close()
    except etree.XMLSyntaxError as error:
        raise _Stop(_xml_error(error, parser, place)) from error
    except BeyondLimit as error:
        bound = f"{error.limit} = {getattr(limits, error.limit)}"
        raise _Stop(found("MANIFEST_LIMIT", place, limit=bound)) from error
    return builder.manifest()


def _feed(file: BinaryIO, parser: etree.XMLPullParser, builder: ManifestBuilder, limits: Limits) -> None:
    silent, sweeper = 0, Sweeper(builder.namespace, limits.max_open_elements)
    while chunk := file.read(CHUNK):
        parser.feed(chunk)
        silent += len(chunk)
        for event, element in parser.read_events():
            silent = 0
            sweeper.see(element)
            builder.take(event, element)
        sweeper.fed(chunk)
        if silent > limits.max_manifest_gap:
            raise BeyondLimit("max_manifest_gap")


def _xml_error(error: etree.XMLSyntaxError, parser: etree.XMLPullParser, place: str) -> Finding:
    line, message = told_first(error, parser)
    return found("MANIFEST_XML", f"{place}:{line}", **xml_reason(message))
