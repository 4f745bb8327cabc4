"""The six rooms as processes are made of them: what an operator may set for each, and how it is put together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic_settings import BaseSettings

from services.access.settings import AccessSettings
from services.access.wiring import build as build_access
from services.admin.settings import AdminSettings
from services.admin.wiring import build as build_admin
from services.data_management.settings import DataManagementSettings
from services.data_management.wiring import build as build_data_management
from services.ingest.settings import IngestSettings
from services.ingest.wiring import build as build_ingest
from services.proof.settings import ProofSettings
from services.proof.wiring import build as build_proof
from services.storage.settings import StorageSettings
from services.storage.wiring import build as build_storage
from shared.messaging.transport import Transport
from shared.room import Room
from shared.settings import RoomSettings

Own = TypeVar("Own", bound=BaseSettings)


@dataclass(frozen=True)
class Plan:
    """A room's own settings, and what makes the room of what this process is told."""

    own: type[BaseSettings]
    room: Callable[[RoomSettings, Transport], Room]


def _plan(own: type[Own], build: Callable[[RoomSettings, Own, Transport | None], Room]) -> Plan:
    def room(settings: RoomSettings, transport: Transport) -> Room:
        said = own()
        return build(settings, said, transport).made_with(said)

    return Plan(own, room)


ROOMS: Mapping[str, Plan] = {
    "admin": _plan(AdminSettings, build_admin),
    "proof": _plan(ProofSettings, build_proof),
    "storage": _plan(StorageSettings, build_storage),
    "data_management": _plan(DataManagementSettings, build_data_management),
    "ingest": _plan(IngestSettings, build_ingest),
    "access": _plan(AccessSettings, build_access),
}
