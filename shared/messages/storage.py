"""What storage tells: what stands on every site, or cannot be taken; a copy that went bad, or is whole again."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime

from shared.messages.ingest import MemberV1
from shared.messages.message import ByteCount, Message, Part, Sha512
from shared.messages.proof import ProofKind


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


class PurgeBegunV1(Message):
    """What an order named begins to be deleted: from `purged_at` on nobody is given it, and the rooms forget it.

    `version` is that which remains (None: nothing does), without the `units` that were named, and the data `objects`
    that went with them (None: which did is not told). Deletion may wait, for the end of a lock say: that nothing is
    left anywhere, `aip.purged.v1` tells.
    """

    topic: ClassVar[str] = "purge.begun.v1"

    order_id: UUID
    establishment: UUID
    aip_id: UUID
    transfer_id: UUID
    version: int | None
    units: tuple[UUID, ...]
    objects: tuple[UUID, ...] | None = None
    purged_at: AwareDatetime


class PurgeRefusedV1(Message):
    """An order on units of an AIP cannot be carried out, for this reason; nothing was deleted."""

    topic: ClassVar[str] = "purge.refused.v1"

    order_id: UUID
    establishment: UUID
    aip_id: UUID
    reason: str
    refused_at: AwareDatetime


class AipPurgedV1(Message):
    """What an order named is gone from every site, and was looked for there in vain.

    `version` is that which remains (None: nothing does), without the `units` that were named; `copies` and `size`
    (bytes) count what was deleted.
    """

    topic: ClassVar[str] = "aip.purged.v1"

    order_id: UUID
    establishment: UUID
    aip_id: UUID
    transfer_id: UUID
    version: int | None
    units: tuple[UUID, ...]
    copies: int
    size: ByteCount
    list_sha512: Sha512
    visa_sha512: Sha512
    purged_at: AwareDatetime


PurgeNews = PurgeBegunV1 | AipPurgedV1
"""What rooms forget by: the beginning of a purge, or what a rebuild reads of one that is over."""


class JournalStoredV1(Message):
    """Every site holds a container of a journal, and each copy was read back whole: staging may forget it."""

    topic: ClassVar[str] = "journal.stored.v1"

    journal: str
    number: int
    sha512: Sha512


class ProofStoredV1(Message):
    """Every site holds an anchor, a seal or a renewal, and each copy was read back whole."""

    topic: ClassVar[str] = "proof.stored.v1"

    kind: ProofKind
    number: int
    sha512: Sha512


class CopyCorruptedV1(Message):
    """A site gave back other bytes of a stored holding than were verified there, or none (`found_…` None).

    `establishment` is None for what is the platform's own. `sha512` and `size` are what the copy must be.
    """

    topic: ClassVar[str] = "copy.corrupted.v1"

    holding: UUID
    kind: str
    version: int
    establishment: UUID | None
    site: str
    key: str
    version_id: str | None
    reason: Literal["missing", "cut", "mismatch"]
    sha512: Sha512
    size: ByteCount
    found_sha512: Sha512 | None
    found_size: ByteCount | None


class CopyRepairedV1(Message):
    """A copy that was lost at `lost_at` was written again from a good one, and read back whole at `verified_at`."""

    topic: ClassVar[str] = "copy.repaired.v1"

    holding: UUID
    kind: str
    version: int
    establishment: UUID | None
    site: str
    key: str
    version_id: str | None
    sha512: Sha512
    size: ByteCount
    lost_at: AwareDatetime
    verified_at: AwareDatetime
