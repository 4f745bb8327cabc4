"""Access put together: its routes, the consumer of its own orders, the workers that build packages."""

from functools import partial

from services.access.adapters.rooms import Rooms
from services.access.api import router
from services.access.forgetting import forget_aips
from services.access.handlers import BUILD, EXPIRE, Access, build_dip, enqueue_dips, expire_dip, sources_of
from services.access.settings import AccessSettings
from shared.messages.access import DipOrderedV1
from shared.messages.storage import PurgeBegunV1
from shared.messaging.consumer import Consumer
from shared.messaging.transport import Transport
from shared.messaging.workers import WorkLoop
from shared.object_store.opening import open_store, staging_of
from shared.room import Room, assemble, lay
from shared.settings import RoomSettings


def build(settings: RoomSettings, own: AccessSettings, transport: Transport | None = None) -> Room:
    """Return access, ready to be opened."""
    foundation = lay("access", settings, transport)
    staging = open_store(own.staging_url)
    database, lasts = foundation.database, settings.lease_seconds
    access = Access(database, Rooms(foundation.calls), staging, own)
    build_one = partial(build_dip, access, sources_of(access.rooms))
    room = assemble(
        foundation,
        router,
        consumers=[
            Consumer("access.build_dip", database, {DipOrderedV1: enqueue_dips}),
            Consumer("access.forget", database, {PurgeBegunV1: forget_aips}),
        ],
        loops=[
            WorkLoop(database, {BUILD: build_one}, slots=own.dip_slots, lease_seconds=lasts),
            WorkLoop(database, {EXPIRE: partial(expire_dip, access)}, slots=1, lease_seconds=lasts),
        ],
        dependencies=[staging_of(staging)],
        close=[staging.close],
    )
    room.app.state.access = access
    return room
