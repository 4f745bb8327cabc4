"""CAdES files (ETSI EN 319 122): attached, where the message holds what is signed, and detached, of another file."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from asn1crypto import core, pem

from services.ingest.domain.signatures import Fault
from services.ingest.pipeline.signatures.cms import digest_of, read_signers, signed_data
from services.ingest.pipeline.signatures.reading import Digest, Reading, unreadable
from services.ingest.trust import Asn1


def read_cms(path: Path, documents: tuple[str, ...], digest: Digest) -> Iterator[Reading]:
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
        yield from _detached(signed, documents, digest)
        return
    for reading in read_signers(signed, "CAdES", digest_of(bytes(held))):
        yield replace(
            reading, covers=("the content of the file",), whole=True, fault=_named(reading.fault, path.name)
        )


def _detached(signed: Asn1, documents: tuple[str, ...], digest: Digest) -> Iterator[Reading]:
    document = documents[0] if documents else None

    def content(algorithm: str) -> bytes | None:
        return None if document is None else digest(document, algorithm)

    for reading in read_signers(signed, "CAdES", content):
        fault = _named(reading.fault, document or "a file of the package")
        if document is None:
            yield replace(reading, fault=fault)
        else:
            yield replace(reading, covers=(document,), documents=(document,), whole=True, fault=fault)


def _named(fault: Fault | None, what: str) -> Fault | None:
    """Say of what the digest is meant: only here is it known."""
    if fault is not None and fault.rule in {"digest", "not_found"}:
        return Fault(fault.sub_indication, fault.rule, {"what": what})
    return fault
