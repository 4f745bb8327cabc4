"""Find the signatures of a package and validate them: one pass over its files, two where some are detached.

The second pass is for digests that were not computed yet, of documents whose signatures are files of their own.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from services.ingest.domain.agreement import Agreement, Signatures
from services.ingest.domain.limits import MIB
from services.ingest.domain.signature_rules import rules_of
from services.ingest.domain.signatures import Fault, SignatureReport, SignatureResult, SubIndication
from services.ingest.domain.sip import Inventory
from services.ingest.pipeline.container.package import SipPackage
from services.ingest.pipeline.digest_algorithms import ALGORITHMS
from services.ingest.pipeline.signatures.cades import read_cms
from services.ingest.pipeline.signatures.judging import judge_reading, shown
from services.ingest.pipeline.signatures.pades import read_pdf
from services.ingest.pipeline.signatures.pairs import Pairs
from services.ingest.pipeline.signatures.reading import (
    Broken,
    Reading,
    Readings,
    refuse_many,
    refuse_the_worlds,
    unreadable,
)
from services.ingest.pipeline.signatures.sighting import Kind, keep_signed
from services.ingest.pipeline.signatures.xades import read_xml
from services.ingest.trust import Trust
from shared.clock import rfc3339

_MESSAGE = ("ArchiveTransfer", "Signature")


@dataclass(frozen=True, slots=True)
class Terms:
    """By what signatures are judged, and when; `scratch` is a private folder, `most` in bytes of one file."""

    agreement: Agreement
    trust: Trust
    now: datetime
    scratch: Path
    most: Mapping[Kind, int]


@dataclass(slots=True)
class _Digests:
    """Digests of files by path and hashlib's name; those that are asked for and not known are noted."""

    known: dict[tuple[str, str], bytes] = field(default_factory=dict)
    wanted: dict[str, set[str]] = field(default_factory=dict)
    asked: bool = False

    def get(self, path: str, algorithm: str) -> bytes | None:
        """Return a digest, or None for now."""
        if (path, algorithm) not in self.known:
            self.wanted.setdefault(path, set()).add(algorithm)
            self.asked = True
        return self.known.get((path, algorithm))


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file that may hold signatures, at hand."""

    path: str
    size: int
    kind: Kind
    copy: Path


@dataclass(frozen=True, slots=True)
class _Examined:
    """The signatures of a file, judged, and what they leave unsigned of it."""

    results: list[SignatureResult]
    left: Fault | None = None


def examine(
    package: SipPackage, inventory: Inventory, manifest: tuple[str, Path], pairs: Pairs, terms: Terms
) -> tuple[SignatureReport, dict[str, Fault]]:
    """Return what there is to say of the signatures of a package and of its `manifest` (its name, and a copy).

    Beside it, what the signatures of a file leave unsigned, by its path. Raises nothing for what is in a file: bytes
    that cannot be read as a signature are told so.
    """
    examined: dict[str, _Examined] = {}
    if terms.agreement.message_signature is not Signatures.IGNORE:
        examined[manifest[0]] = _Examined(_of_message(*manifest, terms))
    if terms.agreement.signatures is not Signatures.IGNORE:
        examined |= _of_files(package, inventory, pairs, terms)
    order = dict.fromkeys((manifest[0], *(file.path for file in inventory.files)))
    ordered = {path: examined[path] for path in order if path in examined}
    left = {path: each.left for path, each in ordered.items() if each.left is not None}
    return _reported(tuple(result for each in ordered.values() for result in each.results), terms), left


def _reported(found: tuple[SignatureResult, ...], terms: Terms) -> SignatureReport:
    return SignatureReport(
        validated_at=rfc3339(terms.now),
        of_files=terms.agreement.signatures.value,
        of_message=terms.agreement.message_signature.value,
        anchors=terms.trust.anchor_digests(),
        revocation_lists=terms.trust.crl_digests(),
        results=found,
        rules=rules_of(found),
    )


def _of_message(name: str, copy: Path, terms: Terms) -> list[SignatureResult]:
    if copy.stat().st_size > terms.most[Kind.XML]:
        with copy.open("rb") as stream:
            kind = keep_signed(name, stream, terms.scratch / "message", dict.fromkeys(Kind, 0))
        return [] if kind is None else [_too_large(name, copy.stat().st_size, kind, terms)]
    readings = _readings(Kind.XML, lambda: read_xml(copy, lambda *_: [], _MESSAGE))
    results = (_judged(name, reading, terms) for reading in readings.each)
    return [_as_message(each) for each in results]


def _as_message(result: SignatureResult) -> SignatureResult:
    """Return the result of a message's signature, which has to be of all of it."""
    if result.fault is None and not result.whole:
        return replace(result, fault=Fault(SubIndication.SIG_CONSTRAINTS_FAILURE, "message_part"))
    return result


def _of_files(package: SipPackage, inventory: Inventory, pairs: Pairs, terms: Terms) -> dict[str, _Examined]:
    digests = _known(inventory)
    results: dict[str, _Examined] = {}
    waiting: list[_Kept] = []
    for number, (path, size, stream) in enumerate(package.files()):
        copy = terms.scratch / f"signed-{number}"
        kind = keep_signed(path, stream, copy, terms.most)
        if kind is not None:
            kept = _Kept(path, size, kind, copy)
            digests.asked = False
            results[path] = _results(kept, pairs, digests, terms)
            if digests.asked:
                waiting.append(kept)
                continue
        copy.unlink()
    if waiting:
        _compute(package, digests)
    for kept in waiting:
        results[kept.path] = _results(kept, pairs, digests, terms)
        kept.copy.unlink()
    return results


def _known(inventory: Inventory) -> _Digests:
    digests = _Digests()
    for file in inventory.files:
        digests.known[file.path, "sha512"] = bytes.fromhex(file.sha512)
        for name, digest in file.digests.items():
            digests.known[file.path, ALGORITHMS[name][0]] = bytes.fromhex(digest)
    return digests


def _compute(package: SipPackage, digests: _Digests) -> None:
    """Compute what is wanted, in another pass over the files."""
    for path, _, stream in package.files():
        hashes = {name: hashlib.new(name, usedforsecurity=False) for name in sorted(digests.wanted.get(path, ()))}
        while chunk := stream.read(MIB):
            for each in hashes.values():
                each.update(chunk)
        digests.known |= {(path, name): each.digest() for name, each in hashes.items()}


def _results(kept: _Kept, pairs: Pairs, digests: _Digests, terms: Terms) -> _Examined:
    if kept.size > terms.most[kept.kind]:
        return _Examined([_too_large(kept.path, kept.size, kept.kind, terms)])
    read = {
        Kind.PDF: partial(read_pdf, kept.copy),
        Kind.CMS: partial(read_cms, kept.copy, pairs.documents_of(kept.path), digests.get),
        Kind.XML: partial(read_xml, kept.copy, partial(_outside, kept.path, pairs, digests)),
    }[kept.kind]
    readings = _readings(kept.kind, read)
    return _Examined([_judged(kept.path, each, terms) for each in readings.each], readings.left)


def _outside(path: str, pairs: Pairs, digests: _Digests, uri: str, algorithm: str) -> list[tuple[str, bytes]]:
    known = [(each, digests.get(each, algorithm)) for each in refuse_many(pairs.named(path, uri))]
    return [(document, digest) for document, digest in known if digest is not None]


def _readings(kind: Kind, read: Callable[[], Readings]) -> Readings:
    try:
        return read()
    except Broken as broken:
        return Readings((Reading(name="", form=kind.value, fault=broken.fault),))
    except Exception as error:  # noqa: BLE001 (hostile bytes may make the libraries raise anything)
        refuse_the_worlds(error)
        return Readings((Reading(name="", form=kind.value, fault=unreadable(type(error).__name__).fault),))


def _judged(path: str, reading: Reading, terms: Terms) -> SignatureResult:
    try:
        return judge_reading(path, reading, terms.trust, terms.now)
    except Exception as error:  # noqa: BLE001 (as above: certificates are read no sooner than they are asked)
        refuse_the_worlds(error)
        # What was read of it stays told: it is the judgement that failed, over evidence that is nobody's.
        return shown(path, reading, Fault(SubIndication.GENERIC, "unreadable", {"what": type(error).__name__}))


def _too_large(path: str, size: int, kind: Kind, terms: Terms) -> SignatureResult:
    details = {"size": str(size), "limit": str(terms.most[kind])}
    return SignatureResult(path, "", kind.value, fault=Fault(SubIndication.GENERIC, "too_large", details))
