"""What data management tells."""

from typing import ClassVar
from uuid import UUID

from shared.messages.message import Message


class AipCataloguedV1(Message):
    """The units and objects of an AIP are in the catalogue and can be found."""

    topic: ClassVar[str] = "aip.catalogued.v1"

    aip_id: UUID
    transfer_id: UUID
    establishment: UUID
    version: int
    units: int
    objects: int
