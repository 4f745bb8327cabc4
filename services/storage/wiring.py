"""Storage put together: the one place where its real parts are chosen."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from fastapi import APIRouter

from services.storage.api import Storage, router
from services.storage.audit_api import Audits
from services.storage.audit_api import router as audit_router
from services.storage.auditing import AUDIT, Auditor
from services.storage.coherence import Comparer
from services.storage.examining import Examiner
from services.storage.findings import RENEW, known
from services.storage.handlers import (
    FETCH,
    VERIFY,
    WRITE,
    take_agreements,
    take_aips,
    take_organisations,
    take_profiles,
)
from services.storage.measures import MEASURES
from services.storage.profiles import ProfileKeeper
from services.storage.renewing import Renewer
from services.storage.runs import COHERENCE, SAMPLE, ask_monthly, forget
from services.storage.sampling import Sampler
from services.storage.settings import StorageSettings
from services.storage.sites import OpenSite, open_sites
from services.storage.space import site_spaces
from services.storage.surveys import Surveyor
from services.storage.worker import Keeper
from shared.dependencies import WORKER, Dependency
from shared.gauges import Measure
from shared.messages.admin import AgreementPublishedV1, OrganisationChangedV1, ProfilePublishedV1, ProfileReferenceV1
from shared.messages.ingest import AipBuiltV1
from shared.messaging.consumer import Consumer
from shared.messaging.housekeeping import Chore
from shared.messaging.lease import Lane
from shared.messaging.transaction import RoomDatabase
from shared.messaging.transport import Transport
from shared.messaging.workers import WorkLoop
from shared.object_store.opening import make_ready, open_store
from shared.profiles.fetching import fetch_profile
from shared.room import Room, assemble, lay
from shared.settings import RoomSettings

LARGE_SLOTS = 2
"""Large copies written, and read back, at once: one on each of two sites."""


def build(settings: RoomSettings, own: StorageSettings, transport: Transport | None = None) -> Room:
    """Return storage, ready to be opened."""
    sites = open_sites(own.sites)
    foundation = lay("storage", settings, transport)
    foundation.gauges.add(*MEASURES)
    staging = open_store(own.staging_url)
    database, lasts = foundation.database, settings.lease_seconds
    keeper = Keeper(database, sites, staging, own)
    names = sorted(sites)
    known(names)
    examiner = Examiner(sites, timedelta(days=own.retention_days))
    auditor = Auditor(database, examiner, own)

    async def profile_of(wanted: ProfileReferenceV1) -> bytes:
        return await fetch_profile(foundation.calls, wanted.profile, wanted.version, wanted.sha512, wanted.size)

    profiles = ProfileKeeper(database, names, profile_of)
    room = assemble(
        foundation,
        _routes(),
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
            Consumer("storage.keep_profiles", database, {ProfilePublishedV1: take_profiles(names)}),
        ),
        # Apart, so that a site that hangs in writing never keeps another's copies from being read back, nor large
        # copies the small ones.
        loops=[
            WorkLoop(database, {kind: job}, slots=slots, lane=lane, lease_seconds=lasts)
            for kind, job in ((WRITE, keeper.write), (VERIFY, keeper.verify))
            for lane, slots in ((Lane.USUAL, own.storage_slots), (Lane.LARGE, LARGE_SLOTS))
        ]
        + [
            WorkLoop(database, {FETCH: profiles.keep}, slots=1, lease_seconds=lasts),
            *_audit_loops(database, examiner, auditor, own, lasts),
        ],
        dependencies=(
            *map(_site, sites.values()),
            # Ingest makes it; here only the workers read it.
            Dependency("staging", staging.probe, used_by=frozenset({WORKER}), required_by=frozenset({WORKER})),
        ),
        close=(staging.close, *(site.store.close for site in sites.values())),
    )
    spaces = site_spaces(database, sites)

    async def measure_space(_: RoomDatabase) -> None:
        await spaces.look()

    surveyor = Surveyor(database, names, own)
    foundation.gauges.add(Measure("space", measure_space), Measure("audits", surveyor.measure))
    room.app.state.storage = Storage(database, sites, spaces)
    room.app.state.audits = Audits(database, surveyor, own, names)
    chores = (
        Chore("audits", auditor.ask),
        Chore("monthly comparisons", partial(ask_monthly, names)),
        Chore("audits of a year ago", forget),
    )
    return replace(room, chores=chores)


def _audit_loops(
    database: RoomDatabase, examiner: Examiner, auditor: Auditor, own: StorageSettings, lasts: float
) -> Sequence[WorkLoop]:
    asked_for = {
        SAMPLE: Sampler(database, examiner, own.audit_share).sample,
        COHERENCE: Comparer(database, examiner.sites).compare,
        RENEW: Renewer(database, examiner).renew,
    }
    return (
        WorkLoop(database, {AUDIT: auditor.audit}, slots=own.audit_hands * len(own.sites), lease_seconds=lasts),
        # Seldom, and never behind what goes on for ever.
        WorkLoop(database, asked_for, slots=len(own.sites) + 1, lease_seconds=lasts),
    )


def _routes() -> APIRouter:
    routes = APIRouter()
    for each in (router, audit_router):
        routes.include_router(each)
    return routes


def _site(opened: OpenSite) -> Dependency:
    """A site of which one is enough: archives can be read then, and what another misses is copied when it is back."""
    return Dependency(
        f"site:{opened.site.name}",
        opened.store.probe,
        open=partial(make_ready, opened.store),
        one_of="a_site",
        setting=f"CHARTRIER_SITES (site {opened.site.name})",
    )
