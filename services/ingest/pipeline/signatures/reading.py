"""A signature as a reader hands it over to be judged: what it is made of, not yet whom it is worth trusting."""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from services.ingest.domain.signatures import Fault, SubIndication
from services.ingest.pipeline.container.names import printable
from services.ingest.trust import Asn1

MOST_SIGNATURES = 1000
"""Signatures of one file that are looked at; a PES has one for each of its bordereaux, a few hundred at most."""

MOST_CERTIFICATES = 64
"""Certificates in one signature: paths are looked for among them, which grows faster than their number."""

MOST_DOCUMENTS = 1000
"""Files that a detached signature is tried on: those of one unit, or of a few that the manifest names."""


# Other errors of the system may be of the bytes: a PDF that says to look before its beginning.
_OF_THE_WORLD = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class Broken(Exception):
    """A signature that cannot be read further; `fault` says why, with nothing in it that cannot be shown."""

    def __init__(self, sub_indication: SubIndication, rule: str, /, **details: str) -> None:
        super().__init__(rule)
        self.fault = Fault(sub_indication, rule, {name: printable(value) for name, value in details.items()})


def unsupported(what: str) -> Broken:
    """Return what to raise for a construct that is not handled: nothing is said of such a signature."""
    return Broken(SubIndication.GENERIC, "unsupported", what=what[:200])


def unreadable(what: str) -> Broken:
    """Return what to raise for bytes that are no signature."""
    return Broken(SubIndication.FORMAT_FAILURE, "unreadable", what=what[:200])


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """A time-stamp token (CMS SignedData of asn1crypto), and the bytes it was given for."""

    token: Asn1
    stamped: bytes


@dataclass(frozen=True, slots=True)
class Material:
    """What a signature carries to be judged by: certificates (asn1crypto), CRLs and OCSP answers (DER)."""

    certificates: tuple[Asn1, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """One signature. `certificate` is its signer's (asn1crypto), None where there is none.

    `fault` is what is wrong with its form or its cryptography. `proven` tells that `claimed` is no claim: the
    signature is a time-stamp itself.
    """

    name: str
    form: str
    covers: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    whole: bool = False
    algorithms: tuple[str, ...] = ()
    certificate: Asn1 = None
    material: Material = field(default_factory=Material)
    claimed: datetime | None = None
    proven: bool = False
    time_stamps: tuple[TimeStamp, ...] = ()
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """The signatures of a file; `left` tells what they leave unsigned of it, taken together."""

    each: tuple[Reading, ...]
    left: Fault | None = None


def refuse_many(documents: tuple[str, ...]) -> tuple[str, ...]:
    """Return the documents that a detached signature may be of. Raises `Broken` beyond `MOST_DOCUMENTS`."""
    if len(documents) > MOST_DOCUMENTS:
        raise Broken(SubIndication.GENERIC, "too_many", limit=str(MOST_DOCUMENTS), what="documents")
    return documents


def refuse_the_worlds(error: Exception) -> None:
    """Raise an error that is no file's: a disk that is full or spoiled, too many files open."""
    if isinstance(error, OSError) and error.errno in _OF_THE_WORLD:
        raise error


def guarded(name: str, form: str, read: Callable[[], Reading]) -> Reading:
    """Return what `read` does, or a reading with its fault: one signature that is spoiled hides no other."""
    try:
        return read()
    except Broken as broken:
        return Reading(name, form, fault=broken.fault)
    except Exception as error:  # noqa: BLE001 (hostile bytes may make the libraries raise anything)
        refuse_the_worlds(error)
        return Reading(name, form, fault=unreadable(type(error).__name__).fault)


Digest = Callable[[str, str], bytes | None]
"""The digest of a file of the package: its path, and an algorithm as hashlib calls it; None: not known (yet)."""
