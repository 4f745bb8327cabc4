"""What proof tells."""

from typing import ClassVar, Literal, TypeAlias
from uuid import UUID

from shared.messages.journal import JournalKind
from shared.messages.message import ByteCount, Message, Part, Sha512

ProofKind: TypeAlias = Literal["anchor", "seal", "renewal"]
"""What proof makes beside journals: each is a series of files, numbered from 1 without a gap."""


class JournalPositionV1(Part):
    """Where a line stands for ever: its journal, its number there, its digest in the chain."""

    journal: str
    number: int
    sha512: Sha512


class DepositRecordedV1(Message):
    """The journal lines of a deposit are committed; the reply may go."""

    topic: ClassVar[str] = "deposit.recorded.v1"

    transfer_id: UUID
    establishment: UUID
    positions: tuple[JournalPositionV1, ...]


class JournalClosedV1(Message):
    """Lines `first` to `last` of a journal lie in staging as one container, to be kept on every site.

    `number` counts the containers of a journal from 1 without a gap; each begins where the one before ended.
    `head` is the digest of its last line, `sha512` and `size` (bytes) those of the container itself
    (docs/journal-format.md). Without an establishment the journal is the platform's.
    """

    topic: ClassVar[str] = "journal.closed.v1"

    journal: str
    kind: JournalKind
    establishment: UUID | None
    number: int
    first: int
    last: int
    head: Sha512
    staging_key: str
    sha512: Sha512
    size: ByteCount


class ProofFiledV1(Message):
    """An anchor, a seal or a renewal lies in staging, to be kept on every site (docs/proof-format.md)."""

    topic: ClassVar[str] = "proof.filed.v1"

    kind: ProofKind
    number: int
    staging_key: str
    sha512: Sha512
    size: ByteCount
