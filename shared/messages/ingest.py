"""What ingest tells: a SIP came in, its header was read, an AIP is ready to be stored, a transfer has ended."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime

from shared.messages.admin import KEPT_WHOLE
from shared.messages.message import ByteCount, Message, Part, Sha512


class SipReceivedV1(Message):
    """A SIP lies whole in staging; an ingest worker may check it."""

    topic: ClassVar[str] = "sip.received.v1"

    transfer_id: UUID
    establishment: UUID
    staging_key: str
    size: ByteCount
    sha512: Sha512


class TransferAcknowledgedV1(Message):
    """The header of a transfer was read: its SEDA Acknowledgement can be had. Told once, and never of a dry run."""

    topic: ClassVar[str] = "transfer.acknowledged.v1"

    transfer_id: UUID
    establishment: UUID
    agreement: UUID


class MemberV1(Part):
    """Where one member of an AIP lies: byte offset and length in the TAR, and its digest."""

    offset: ByteCount
    length: ByteCount
    sha512: Sha512


class AipBuiltV1(Message):
    """An AIP lies whole in staging and will never change; storage may copy it to its sites."""

    topic: ClassVar[str] = "aip.built.v1"

    aip_id: UUID
    transfer_id: UUID
    establishment: UUID
    staging_key: str
    sha512: Sha512
    size: ByteCount
    catalogue: MemberV1


class TransferDecidedV1(Message):
    """An archivist accepted or refused a transfer that waited for him.

    His words stay in ingest, which forgets them with the archives; `reason_sha512` is the digest of the salt that
    lies beside them there, followed by them in UTF-8, and None where he gave none.
    """

    model_config = KEPT_WHOLE

    topic: ClassVar[str] = "transfer.decided.v1"

    transfer_id: UUID
    establishment: UUID
    agreement: UUID
    agreement_version: int
    sip_sha512: Sha512
    decision: Literal["accepted", "refused"]
    reason_sha512: Sha512 | None
    decided_by: str


class DecisionRemindedV1(Message):
    """A transfer still awaits an archivist: its term ends soon or, `overdue`, has ended. Each is told once."""

    topic: ClassVar[str] = "decision.reminded.v1"

    transfer_id: UUID
    establishment: UUID
    agreement: UUID
    decide_by: AwareDatetime
    overdue: bool


class TransferCompletedV1(Message):
    """A transfer was accepted: responsibility has passed to the archive. `agreement`: None from an older sender."""

    topic: ClassVar[str] = "transfer.completed.v1"

    transfer_id: UUID
    establishment: UUID
    aip_id: UUID
    finding_codes: tuple[str, ...]
    reply_key: str
    agreement: UUID | None = None


class SipRejectedV1(Message):
    """A transfer was refused; nothing of it is kept but the trace.

    `reply_key` is None where its header was never read: there is no SEDA answer to it. `agreement`: None from an
    older sender.
    """

    topic: ClassVar[str] = "sip.rejected.v1"

    transfer_id: UUID
    establishment: UUID
    finding_codes: tuple[str, ...]
    agreement: UUID | None = None
    reply_key: str | None = None
