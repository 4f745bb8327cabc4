"""Storage put together: the one place where its real parts are chosen."""

from services.storage.api import Storage, router
from services.storage.handlers import (
    VERIFY,
    WRITE,
    take_agreements,
    take_aips,
    take_organisations,
)
from services.storage.measures import MEASURES
from services.storage.settings import StorageSettings
from services.storage.sites import OpenSite, open_sites
from services.storage.space import site_spaces
from services.storage.worker import Keeper
from shared.gauges import Measure
from shared.messages.admin import AgreementPublishedV1, OrganisationChangedV1
from shared.messages.ingest import AipBuiltV1
from shared.messaging.consumer import Consumer
from shared.messaging.transaction import RoomDatabase
from shared.messaging.transport import Transport
from shared.messaging.workers import WorkLoop
from shared.object_store.errors import StoreError, StoreUnavailable
from shared.object_store.opening import open_store
from shared.room import Room, assemble, lay
from shared.settings import RoomSettings


async def build(settings: RoomSettings, transport: Transport | None = None) -> Room:
    """Return storage, ready to run. Raises `StoreMisconfigured` for fewer than two sites."""
    own = StorageSettings()
    sites = open_sites(own.sites)
    foundation = lay("storage", settings, transport)
    foundation.gauges.add(*MEASURES)
    staging = open_store(own.staging_url)
    database, lasts = foundation.database, settings.lease_seconds
    for site in sites.values():
        await _prepare(site)
    keeper = Keeper(database, sites, staging, own)
    names = sorted(sites)

    async def some_site() -> None:
        await reachable(tuple(sites.values()))

    room = assemble(
        foundation,
        router,
        consumers=(
            Consumer("storage.copy_aip", database, {AipBuiltV1: take_aips(names)}),
            Consumer(
                "storage.keep_records",
                database,
                {
                    AgreementPublishedV1: take_agreements(names),
                    OrganisationChangedV1: take_organisations(names),
                },
            ),
        ),
        # Apart, so that a site that hangs in writing never keeps another's copies from being read back.
        loops=(
            WorkLoop(database, {WRITE: keeper.write}, slots=own.storage_slots, lease_seconds=lasts),
            WorkLoop(database, {VERIFY: keeper.verify}, slots=own.storage_slots, lease_seconds=lasts),
        ),
        probes={"a_site": some_site, "staging": staging.probe},
        close=(staging.close, *(site.store.close for site in sites.values())),
    )
    spaces = site_spaces(database, sites)

    async def measure_space(_: RoomDatabase) -> None:
        await spaces.look()

    foundation.gauges.add(Measure("space", measure_space))
    room.app.state.storage = Storage(database, sites, spaces)
    return room


async def _prepare(site: OpenSite) -> None:
    """Create a new site's folder or bucket; a site that is away at our start is waited for by the work."""
    try:
        await site.store.prepare()
    except StoreUnavailable:
        return


async def reachable(sites: tuple[OpenSite, ...]) -> None:
    """Return when at least one site answers: archives can be read then. Raises the last one's error."""
    failure: StoreError | None = None
    for site in sites:
        try:
            await site.store.probe()
        except StoreError as error:
            failure = error
        else:
            return
    if failure is not None:
        raise failure
