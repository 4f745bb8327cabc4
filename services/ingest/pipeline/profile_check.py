"""Judge a manifest by an archival profile, as it was deposited: each error with its place, the first ones in full.

XSD 1.0 is libxml2's, as a stream; RELAX NG is libxml2's, of a manifest in memory; XSD 1.1 is xmlschema's, slower.
Whoever calls has refused any DOCTYPE before, and may kill this process.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import xmlschema
from lxml import etree

from services.ingest.domain.errors import UnusableProfile
from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import Limits
from services.ingest.domain.profile import ProfileReference
from services.ingest.pipeline.manifest.schema_errors import french, schema_errors, shortened
from services.ingest.pipeline.profile_sentences import in_french
from services.ingest.pipeline.schema import NAMESPACES
from shared.profiles.compiling import Compiled, compiled
from shared.profiles.faults import ProfileFault
from shared.profiles.kinds import Kind
from shared.profiles.reading import read_profile

COUNTED: Final = 10
"""How many times as many errors as are told are counted: beyond that they are “at least” so many."""

_UNBOUNDED: Final = 2**62
"""What a profile may weigh here: admin has bounded it."""

_NAMESPACE: Final = re.compile(r"\{[^{}]*\}")
_LONGEST: Final = 1000
_SIDES: Final = ("preceding-sibling", "following-sibling")


@dataclass(frozen=True, slots=True)
class ProfileOrder:
    """A manifest and a profile on local paths; findings call the manifest `name`, which is in SEDA `seda_version`."""

    manifest: Path
    name: str
    seda_version: str
    reference: ProfileReference
    content: Path
    limits: Limits


@dataclass(frozen=True, slots=True)
class _Error:
    line: int
    path: str
    reason: str
    reason_fr: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A profile as it is known by its bytes, wherever these lie."""

    sha512: str
    kind: Kind
    entry: str | None
    name: str = field(compare=False)
    content: Path = field(compare=False)


def check_profile(order: ProfileOrder) -> list[Finding]:
    """Return what a manifest is not that its profile asks for. Raises `UnusableProfile`: no finding then."""
    size, limit = order.manifest.stat().st_size, _limit(order)
    which = {"profile": order.reference.identifier, "version": str(order.reference.version)}
    if size > limit:
        kind = order.reference.kind.value
        return [found("PROFILE_TOO_LARGE", order.name, **which, kind=kind, size=str(size), limit=str(limit))]
    most = order.limits.max_schema_errors
    errors = list(islice(_errors(order, most * COUNTED), most * COUNTED))
    told = [_finding(order.name, which, error) for error in errors[:most]]
    rest = len(errors) - len(told)
    if rest:
        more = f"{rest}+" if len(errors) == most * COUNTED else str(rest)
        told.append(found("PROFILE_INVALID_MORE", order.name, **which, more=more))
    return told


def _limit(order: ProfileOrder) -> int:
    """Return how large a manifest a profile judges: as large as any, where it is read as a stream."""
    limits = order.limits
    return {
        Kind.XSD_1_0: limits.max_manifest_bytes,
        Kind.XSD_1_1: limits.max_profile_xsd11_bytes,
        Kind.RELAXNG: limits.max_profile_bytes,
    }[order.reference.kind]


def _finding(name: str, which: dict[str, str], error: _Error) -> Finding:
    place = f"{name}:{error.line}" if error.line else name
    reasons = {"reason": error.reason[:_LONGEST], "reason_fr": error.reason_fr[:_LONGEST]}
    return found("PROFILE_INVALID", place, **which, path=shortened(error.path), **reasons)


def _errors(order: ProfileOrder, most: int) -> Iterator[_Error]:
    asked = order.reference
    judge = _judge(_Wanted(asked.sha512, asked.kind, asked.entry, asked.applied.name, order.content))
    if isinstance(judge, etree.XMLSchema):
        return _streamed(order, judge, most)
    document = etree.parse(order.manifest, _parser())
    return _of_relaxng(document, judge) if isinstance(judge, etree.RelaxNG) else _of_xmlschema(document, judge)


@lru_cache(maxsize=8)
def _judge(wanted: _Wanted) -> Compiled:
    """Return the compiled profile: once a process, as long as it is among the last ones used."""
    try:
        read = read_profile(wanted.content.read_bytes(), wanted.kind, wanted.entry, _UNBOUNDED)
        return compiled(read.bundle, wanted.kind, wanted.content.parent)
    except ProfileFault as error:
        raise UnusableProfile(f"{wanted.name}: {error.code}") from error


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
    )


def _streamed(order: ProfileOrder, judge: etree.XMLSchema, most: int) -> Iterator[_Error]:
    for error in schema_errors(order.manifest, judge, NAMESPACES[order.seda_version], most):
        reason = _plain(error.message)
        yield _Error(error.line, error.extract.path or "/ArchiveTransfer", reason, french(reason))


def _of_relaxng(document: Any, judge: etree.RelaxNG) -> Iterator[_Error]:  # noqa: ANN401 (a tree of lxml)
    if judge.validate(document):
        return
    seen: set[_Error] = set()
    for entry in judge.error_log:
        # Of one fault libxml2 tells what contains it, too, up to the root: that says nothing more.
        if entry.type_name == "RELAXNG_ERR_CONTENTVALID" and seen:
            continue
        reason = _plain(entry.message)
        error = _Error(entry.line, _path(document, entry.path), reason, in_french(reason))
        if error not in seen:
            seen.add(error)
            yield error


def _path(document: Any, path: str | None) -> str:  # noqa: ANN401
    """Return where an element stands, by names: libxml2 says it by numbers alone where there is a namespace."""
    try:
        (element,) = document.xpath(path or "/*")
    except (etree.XPathError, ValueError):
        return path or "/ArchiveTransfer"
    return _named(element)


def _named(element: Any) -> str:  # noqa: ANN401
    steps = []
    for each in (element, *element.iterancestors()):
        name = etree.QName(each).localname
        # Counted by libxml2: there may be a hundred thousand.
        before, after = (int(each.xpath(f"count({side}::*[local-name()=$name])", name=name)) for side in _SIDES)
        steps.append(f"{name}[{before + 1}]" if before or after else name)
    return "/" + "/".join(reversed(steps))


def _of_xmlschema(document: Any, judge: xmlschema.XMLSchema11) -> Iterator[_Error]:  # noqa: ANN401
    # The tree is ours already: nothing is loaded, and what a manifest says of schemas is not heard.
    resource = xmlschema.XMLResource(document, defuse="never", allow="none")
    for error in judge.iter_errors(resource, use_location_hints=False):
        reason = _plain(error.reason or "")
        asked = _assertion(error)
        reason += f" ({asked})" if asked else ""
        # Of a child that should not be there it tells by its parent, from which it looks.
        child = getattr(error, "invalid_child", None)
        element: Any = error.elem if child is None else child
        if element is None:
            yield _Error(0, error.path or "/ArchiveTransfer", reason, in_french(reason))
        else:
            yield _Error(element.sourceline or 0, _named(element), reason, in_french(reason))


def _assertion(error: xmlschema.XMLSchemaValidationError) -> str:
    """Return the XPath of the assertion that was not met, if it is one: the reason does not repeat it."""
    asked: str | None = getattr(error.validator, "path", None) if "assertion" in (error.reason or "") else None
    return " ".join((asked or "").split())


def _plain(message: str) -> str:
    return " ".join(_NAMESPACE.sub("", message).split())
