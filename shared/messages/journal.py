"""The journal lines that every room sends to proof, numbered and chained at the sender."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.clock import now
from shared.messages.message import Message, Part, Sha512

JournalKind = Literal["archives", "events", "writes"]
"""Life cycle of the archives, events of the system, physical writes (NF Z42-013)."""

TRANSFER_ACCEPTED = "transfer.accepted"
"""The action of the line by which responsibility passes to the archive."""


class JournalLineV1(Part):
    """One thing that happened. Lines hold no erasable personal data: identifiers and digests only.

    `establishment` is None for the platform's own journals. `details` are flat texts and integers.
    """

    kind: JournalKind
    action: str
    actor: str
    outcome: Literal["ok", "ko"] = "ok"
    object: str | None = None
    establishment: UUID | None = None
    transfer_id: UUID | None = None
    occurred_at: AwareDatetime = Field(default_factory=now)
    details: dict[str, str | int] = Field(default_factory=dict)


class JournalLinesV1(Message):
    """All the lines of one transaction of `sender`.

    `batch` counts from 1 without a gap; `previous` is the digest of the batch before (128 zeros for
    the first), `sha512` that of this one: SHA-512 of the canonical JSON (RFC 8785) of
    ``{"batch", "lines", "previous", "sender"}``.
    """

    topic: ClassVar[str] = "journal.lines.v1"

    sender: str
    batch: int
    previous: Sha512
    sha512: Sha512
    lines: tuple[JournalLineV1, ...]
