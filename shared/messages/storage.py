"""What storage tells: an AIP or a container of a journal stands on every site, or an AIP cannot be taken as it is."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime

from shared.messages.ingest import MemberV1
from shared.messages.message import ByteCount, Message, Part, Sha512


class ReceiptV1(Part):
    """One copy as read back from its site: `sha512` is what the site gave back, at `verified_at`."""

    site: str
    place: str
    key: str
    version_id: str | None
    sha512: Sha512
    verified_at: AwareDatetime


class AipStoredV1(Message):
    """Every site of the policy holds the AIP and each copy was read back and found whole."""

    topic: ClassVar[str] = "aip.stored.v1"

    aip_id: UUID
    transfer_id: UUID
    establishment: UUID
    version: int
    sha512: Sha512
    size: ByteCount
    receipts: tuple[ReceiptV1, ...]
    catalogue: MemberV1


class AipStorageRefusedV1(Message):
    """What lies in staging is not what ingest announced; ingest has to build it again."""

    topic: ClassVar[str] = "aip.storage_refused.v1"

    aip_id: UUID
    transfer_id: UUID
    establishment: UUID
    reason: str


class RestoreTestedV1(Message):
    """An AIP of an establishment was read back whole from one site, to see whether it could be restored from there.

    `faulty`: the bytes are those that were stored and make no whole package; `lost`: they are others, or none.
    """

    topic: ClassVar[str] = "restore.tested.v1"

    test_id: UUID
    establishment: UUID
    aip_id: UUID
    version: int
    site: str
    place: str
    outcome: Literal["whole", "faulty", "lost"]
    tested_at: AwareDatetime


class JournalStoredV1(Message):
    """Every site holds a container of a journal, and each copy was read back whole: staging may forget it."""

    topic: ClassVar[str] = "journal.stored.v1"

    journal: str
    number: int
    sha512: Sha512
