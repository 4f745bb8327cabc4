"""CAdES files (ETSI EN 319 122): attached, where the message holds what is signed, and detached, of another file."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from asn1crypto import core, pem

from services.ingest.domain.signatures import Fault
from services.ingest.pipeline.signatures.cms import Content, digest_of, read_signers, signed_data, signed_digest
from services.ingest.pipeline.signatures.reading import Digest, Reading, Readings, refuse_many, unreadable
from services.ingest.trust import Asn1


def read_cms(path: Path, documents: tuple[str, ...], digest: Digest) -> Readings:
    """Read every signature of a CMS file, DER, BER or PEM; `documents` are those it may be of, the likeliest first.

    Raises `Broken` where it is none, and what asn1crypto raises.
    """
    content = path.read_bytes()
    if pem.detect(content):
        blocks = [der for _, _, der in pem.unarmor(content, multiple=True)]
        if len(blocks) != 1:
            raise unreadable("several PEM blocks")
        content = blocks[0]
    signed = signed_data(content)
    held = signed["encap_content_info"]["content"]
    if isinstance(held, core.Void):
        return Readings(tuple(_detached(signed, documents, digest)))
    return Readings(tuple(_attached(signed, bytes(held), path.name)))


def _attached(signed: Asn1, held: bytes, name: str) -> Iterator[Reading]:
    for reading in read_signers(signed, "CAdES", lambda _: digest_of(held)):
        yield replace(reading, covers=("the content of the file",), whole=True, fault=_named(reading.fault, name))


def _detached(signed: Asn1, documents: tuple[str, ...], digest: Digest) -> Iterator[Reading]:
    candidates = _Candidates(refuse_many(documents), digest)
    readings = read_signers(signed, "CAdES", candidates.content_of)
    for signer, reading in zip(signed["signer_infos"], readings, strict=True):
        document = candidates.signed_by(signer)
        fault = _named(reading.fault, document or "a file of the package")
        if document is None:
            yield replace(reading, fault=fault)
        else:
            yield replace(reading, covers=(document,), documents=(document,), whole=True, fault=fault)


class _Candidates:
    """The documents that a detached message may be of, by their digests; each signer has signed one of them."""

    def __init__(self, documents: tuple[str, ...], digest: Digest) -> None:
        self._documents = documents
        self._digest = digest
        self._known: dict[str, dict[bytes, str]] = {}

    def signed_by(self, signer: Asn1) -> str | None:
        """Return the one whose digest a signer wrote down, else the likeliest; None where there is none at all."""
        likeliest, signed = next(iter(self._documents), None), signed_digest(signer)
        if signed is None or len(self._documents) == 1:
            return likeliest
        algorithm, digest = signed
        return self._by_digest(algorithm).get(digest, likeliest)

    def content_of(self, signer: Asn1) -> Content:
        """Return what gives the digests of what a signer has signed."""
        document = self.signed_by(signer)
        return lambda algorithm: None if document is None else self._digest(document, algorithm)

    def _by_digest(self, algorithm: str) -> dict[bytes, str]:
        if algorithm not in self._known:
            # Of documents that are alike, the likeliest.
            pairs = [(self._digest(each, algorithm), each) for each in reversed(self._documents)]
            self._known[algorithm] = {digest: document for digest, document in pairs if digest is not None}
        return self._known[algorithm]


def _named(fault: Fault | None, what: str) -> Fault | None:
    """Say of what the digest is meant: only here is it known."""
    if fault is not None and fault.rule in {"digest", "not_found"}:
        return Fault(fault.sub_indication, fault.rule, {"what": what})
    return fault
