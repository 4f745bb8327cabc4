"""What every message carries, whoever sends it."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from shared.clock import now
from shared.identifiers import new_id

Sha512 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
"""A SHA-512 digest in lower-case hexadecimal."""

ByteCount = Annotated[int, Field(ge=0)]
"""A number of bytes."""


class Part(BaseModel):
    """A value inside a message: frozen, and tolerant of fields that a newer sender added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Message(Part):
    """One fact, said once: `message_id` is what consumers know it by, however often it is delivered.

    `causation_id` is the message that led to this one, at once or through long work; following it back gives the
    thread of one deposit. A batch of journal lines has none: it may hold the lines of many.
    """

    topic: ClassVar[str]

    message_id: UUID = Field(default_factory=new_id)
    occurred_at: AwareDatetime = Field(default_factory=now)
    causation_id: UUID | None = None
