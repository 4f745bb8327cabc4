"""What a key on a site names: the other way round of `services.storage.domain.keys`."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias
from uuid import UUID

from services.storage.domain.keys import PROOFS, UnnamableError, aip_key, journal_key, proof_key, record_key

PLATFORM = "platform"
"""The folder of what belongs to no establishment in particular."""

_ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_AIP = re.compile(rf"({_ID})/aips/[0-9a-f]{{2}}/({_ID})-v(\d+)\.tar")
_RECORD = re.compile(rf"({PLATFORM}|{_ID})/records/([a-z-]+)/({_ID})/(\d+)\.json")
_JOURNAL = re.compile(rf"({PLATFORM}|{_ID})/journals/([a-z-]+)/(\d{{16}})-(\d{{16}})\.ndjson")
_PROOF = re.compile(rf"{PLATFORM}/proof/({'|'.join(PROOFS)})s/(\d{{16}})\.(?:jws|tar)")


@dataclass(frozen=True, slots=True)
class NamedAip:
    """A version of an AIP."""

    establishment: UUID
    id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class NamedRecord:
    """A version of a record; without an owner it is the platform's."""

    owner: UUID | None
    kind: str
    id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class NamedContainer:
    """A container of a journal's lines; without an owner the journal is the platform's."""

    owner: UUID | None
    kind: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class NamedProof:
    """An anchor, a seal or a renewal."""

    kind: str
    number: int


Named: TypeAlias = NamedAip | NamedRecord | NamedContainer | NamedProof


@lru_cache(maxsize=4096)
def named_by(key: str) -> Named | None:
    """Return what a key names; None for one that we would not have given.

    Remembered for a while: a rebuild meets each key in its list, and again in the lines about its copies.
    """
    try:
        named = _parsed(key)
        return named if named is not None and _key_of(named) == key else None
    except UnnamableError:
        return None


def _parsed(key: str) -> Named | None:
    if found := _AIP.fullmatch(key):
        return NamedAip(UUID(found[1]), UUID(found[2]), int(found[3]))
    if found := _RECORD.fullmatch(key):
        return NamedRecord(_owner(found[1]), found[2], UUID(found[3]), int(found[4]))
    if found := _JOURNAL.fullmatch(key):
        return NamedContainer(_owner(found[1]), found[2], int(found[3]), int(found[4]))
    if found := _PROOF.fullmatch(key):
        return NamedProof(found[1], int(found[2]))
    return None


def _owner(folder: str) -> UUID | None:
    return None if folder == PLATFORM else UUID(folder)


def _key_of(named: Named) -> str:
    match named:
        case NamedAip():
            return aip_key(named.establishment, named.id, named.version)
        case NamedRecord():
            return record_key(named.owner, named.kind, named.id, named.version)
        case NamedContainer():
            return journal_key(named.owner, named.kind, named.first, named.last)
        case NamedProof():
            return proof_key(named.kind, named.number)
