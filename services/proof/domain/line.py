"""A journal line as it is fixed for ever: its fields, its canonical form, its digest.

The form is described for readers of any language in docs/journal-format.md; a golden journal in the tests
holds it still. Whoever wants another form writes a new one beside it, under another `format`.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import rfc8785

from shared.clock import rfc3339
from shared.messages.journal import JournalKind, JournalLineV1

FORMAT = "chartrier-journal-line/1"
PLATFORM = "platform"
GENESIS = "0" * 128
"""What the first line of a journal names as the digest of the line before it."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: the number and digest of its last link; number 0 when it is empty."""

    number: int = 0
    sha512: str = GENESIS


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a line comes from: one batch of one sender."""

    sender: str
    batch: int
    sha512: str


@dataclass(frozen=True, slots=True)
class FixedLine:
    """A line in its place: `body` is canonical JSON (RFC 8785), `sha512` its digest."""

    journal: str
    number: int
    sha512: str
    body: bytes
    transfer_id: UUID | None


def journal_name(kind: JournalKind, establishment: UUID | None) -> str:
    """Name the journal that keeps lines of this kind: ``archives.<establishment>``, ``events.platform``."""
    return f"{kind}.{establishment or PLATFORM}"


def fix(line: JournalLineV1, origin: Origin, index: int, previous: Head, recorded_at: datetime) -> FixedLine:
    """Give a line its place after `previous`; the same arguments give the same bytes, always."""
    name, number = journal_name(line.kind, line.establishment), previous.number + 1
    facts: dict[str, Any] = {
        "format": FORMAT,
        "journal": name,
        "number": number,
        "previous": previous.sha512,
        "recorded_at": rfc3339(recorded_at),
        "occurred_at": rfc3339(line.occurred_at),
        "kind": line.kind,
        "action": line.action,
        "actor": line.actor,
        "outcome": line.outcome,
        "object": line.object,
        "establishment": None if line.establishment is None else str(line.establishment),
        "transfer": None if line.transfer_id is None else str(line.transfer_id),
        "details": dict(line.details),
        "sender": origin.sender,
        "batch": origin.batch,
        "batch_sha512": origin.sha512,
        "index": index,
    }
    body = rfc8785.dumps(facts)
    return FixedLine(name, number, hashlib.sha512(body).hexdigest(), body, line.transfer_id)
