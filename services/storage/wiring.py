"""Storage put together: the one place where its real parts are chosen."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from fastapi import APIRouter

from services.storage import restore_api
from services.storage.api import Storage, router
from services.storage.decisions import decision_record, rules_record, signing_key_record, take_decisions
from services.storage.handlers import (
    FETCH,
    VERIFY,
    WRITE,
    take_agreements,
    take_aips,
    take_organisations,
    take_profiles,
)
from services.storage.journals import take_journals
from services.storage.measures import MEASURES
from services.storage.profiles import ProfileKeeper
from services.storage.rebuilding import read_back_rebuilt
from services.storage.restoring import RESTORE, RestoreTester, measure_overdue, plan_tests
from services.storage.settings import StorageSettings
from services.storage.sites import OpenSite, open_sites
from services.storage.space import site_spaces
from services.storage.worker import Keeper
from shared.dependencies import WORKER, Dependency
from shared.gauges import Measure
from shared.messages.admin import (
    AgreementPublishedV1,
    OrganisationChangedV1,
    ProfilePublishedV1,
    ProfileReferenceV1,
    RulesPublishedV1,
    SigningKeyPublishedV1,
)
from shared.messages.ingest import AipBuiltV1, TransferDecidedV1
from shared.messages.proof import JournalClosedV1
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

    async def profile_of(wanted: ProfileReferenceV1) -> bytes:
        return await fetch_profile(foundation.calls, wanted.profile, wanted.version, wanted.sha512, wanted.size)

    profiles = ProfileKeeper(database, names, profile_of)
    tester = RestoreTester(database, sites)
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
            Consumer(
                "storage.keep_decisions",
                database,
                {
                    RulesPublishedV1: take_decisions(rules_record, names),
                    SigningKeyPublishedV1: take_decisions(signing_key_record, names),
                    TransferDecidedV1: take_decisions(decision_record, names),
                },
            ),
            Consumer("storage.keep_journals", database, {JournalClosedV1: take_journals(names)}),
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
            WorkLoop(database, {kind: job}, slots=1, lease_seconds=lasts)
            for kind, job in ((FETCH, profiles.keep), (RESTORE, tester.test))
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

    foundation.gauges.add(Measure("space", measure_space))
    room.app.state.storage = Storage(database, sites, spaces)
    every = timedelta(days=own.restore_test_days)
    foundation.gauges.add(Measure("restore_tests", partial(measure_overdue, every)))
    chores = (
        Chore("plan_restore_tests", partial(plan_tests, every)),
        Chore("copies to read back after a rebuild", read_back_rebuilt),
    )
    return replace(room, chores=chores)


def _routes() -> APIRouter:
    routes = APIRouter()
    for each in (router, restore_api.router):
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
