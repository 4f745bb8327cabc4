"""Data management put together: the catalogue, the consumer that hears of stored AIPs, the loader."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx

from services.data_management.api import router
from services.data_management.consulting import Consultations
from services.data_management.forgetting import FORGET, forget, forget_aips
from services.data_management.handlers import CATALOGUE, take_aips
from services.data_management.settings import DataManagementSettings
from services.data_management.worker import CatalogueGone, Cataloguer
from shared.calls import RoomCalls, RoomUnavailable
from shared.messages.storage import AipStoredV1, PurgeBegunV1
from shared.messaging.consumer import Consumer
from shared.messaging.lease import Lane
from shared.messaging.transport import Transport
from shared.messaging.workers import WorkLoop
from shared.room import Room, assemble, lay
from shared.settings import RoomSettings

STREAMS = 3
"""Large catalogues loaded at once: each holds a connection for as long as it streams."""


def build(settings: RoomSettings, own: DataManagementSettings, transport: Transport | None = None) -> Room:
    """Return data management, ready to be opened."""
    foundation = lay("data_management", settings, transport)
    database = foundation.database
    cataloguer = Cataloguer(database, partial(fetch_catalogue, foundation.calls))
    loops = [
        WorkLoop(
            database, {CATALOGUE: cataloguer.catalogue}, slots=slots, lane=lane, lease_seconds=settings.lease_seconds
        )
        for lane, slots in ((Lane.USUAL, own.catalogue_slots), (Lane.LARGE, STREAMS))
    ]
    loops.append(
        WorkLoop(database, {FORGET: partial(forget, database)}, slots=1, lease_seconds=settings.lease_seconds)
    )
    consumers = (
        Consumer("data_management.take_aip", database, {AipStoredV1: take_aips}),
        Consumer("data_management.forget", database, {PurgeBegunV1: forget_aips}),
    )
    room = assemble(foundation, router, consumers=consumers, loops=loops)
    room.app.state.database = database
    room.app.state.consultations = Consultations(database, settings.internal_secret.get_secret_value())
    return room


@asynccontextmanager
async def fetch_catalogue(calls: RoomCalls, message: AipStoredV1) -> AsyncIterator[AsyncIterator[bytes]]:
    """Open the catalogue of an AIP where storage keeps it.

    Raises `RoomUnavailable` when it cannot be had, `CatalogueGone` when it never will again.
    """
    first = message.catalogue.offset
    last = first + message.catalogue.length - 1
    path = f"/storage/v1/aips/{message.aip_id}/content?version={message.version}"
    try:
        async with calls.stream("storage", path, headers={"Range": f"bytes={first}-{last}"}) as answer:
            if answer.status_code == 410:
                raise CatalogueGone(f"aip {message.aip_id}, version {message.version}")
            if answer.status_code != 206:
                raise RoomUnavailable(f"storage: {answer.status_code} for the catalogue of {message.aip_id}")
            yield answer.aiter_raw()
    except httpx.HTTPError as error:
        raise RoomUnavailable(f"storage: {type(error).__name__}") from error
