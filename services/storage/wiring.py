"""Storage put together: the one place where its real parts are chosen."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from fastapi import APIRouter

from services.storage import audit_api, purge_api, rereading_api, restore_api, sites_api
from services.storage.api import Storage, router
from services.storage.audit_api import Audits
from services.storage.audit_survey import Surveyor
from services.storage.auditing import Auditor
from services.storage.decisions import decision_record, rules_record, signing_key_record, take_decisions
from services.storage.declaring import measure_declared
from services.storage.examining import Examiner
from services.storage.findings import known
from services.storage.handlers import take_agreements, take_aips, take_organisations, take_profiles
from services.storage.hands import Hands
from services.storage.journals import take_journals
from services.storage.measures import measures
from services.storage.profiles import ProfileKeeper
from services.storage.proofs import take_proofs
from services.storage.purge_orders import take_orders
from services.storage.releasing import release_former
from services.storage.restore_testing import measure_failed, measure_overdue
from services.storage.rewriting import Rewriter
from services.storage.settings import StorageSettings
from services.storage.site_survey import site_survey
from services.storage.sites import OpenSite, open_sites, ready_site
from services.storage.space import site_spaces
from services.storage.standing import measure_standing
from services.storage.worker import Keeper
from shared.dependencies import WORKER, Dependency
from shared.gauges import Measure
from shared.messages.admin import (
    AgreementPublishedV1,
    OrganisationChangedV1,
    ProfilePublishedV1,
    ProfileReferenceV1,
    PurgeOrderedV1,
    RulesPublishedV1,
    SigningKeyPublishedV1,
)
from shared.messages.data_management import AipCataloguedV1
from shared.messages.ingest import AipBuiltV1, TransferDecidedV1
from shared.messages.proof import JournalClosedV1, ProofFiledV1
from shared.messaging.consumer import Consumer
from shared.messaging.transaction import RoomDatabase
from shared.messaging.transport import Transport
from shared.object_store.opening import open_store
from shared.profiles.fetching import fetch_profile
from shared.room import Foundation, Room, assemble, lay
from shared.settings import RoomSettings


def build(settings: RoomSettings, own: StorageSettings, transport: Transport | None = None) -> Room:
    """Return storage, ready to be opened."""
    sites = open_sites(own.sites)
    foundation = lay("storage", settings, transport)
    foundation.gauges.add(*measures())
    staging = open_store(own.staging_url)
    database, names = foundation.database, sorted(sites)
    known(names)
    hands = Hands(database, sites, own, settings.lease_seconds)
    examiner = Examiner(database, sites, timedelta(days=own.retention_days))
    auditor = Auditor(database, examiner, own)

    async def profile_of(wanted: ProfileReferenceV1) -> bytes:
        return await fetch_profile(foundation.calls, wanted.profile, wanted.version, wanted.sha512, wanted.size)

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
            Consumer("storage.keep_proofs", database, {ProofFiledV1: take_proofs(names)}),
            Consumer("storage.keep_profiles", database, {ProfilePublishedV1: take_profiles(names)}),
            Consumer("storage.purge", database, {PurgeOrderedV1: take_orders}),
            Consumer("storage.release", database, {AipCataloguedV1: release_former}),
        ),
        loops=[
            *hands.copying(Keeper(database, sites, staging, own)),
            *hands.upkeep(ProfileKeeper(database, names, profile_of)),
            *hands.purging(Rewriter(database, sites, staging)),
            *hands.auditing(examiner, auditor),
        ],
        dependencies=(
            *(_site(database, site) for site in sites.values()),
            # Ingest makes it; here only the workers read it.
            Dependency("staging", staging.probe, used_by=frozenset({WORKER}), required_by=frozenset({WORKER})),
        ),
        close=(staging.close, *(site.store.close for site in sites.values())),
    )
    _show(foundation, room, sites, own)
    return replace(room, chores=hands.chores(auditor))


def _show(foundation: Foundation, room: Room, sites: Mapping[str, OpenSite], own: StorageSettings) -> None:
    """Give the edge what it works with, and the metrics what they tell."""
    database, names = foundation.database, sorted(sites)
    spaces, surveyor = site_spaces(database, sites), Surveyor(database, names, own)

    async def measure_space(_: RoomDatabase) -> None:
        await spaces.look()

    foundation.gauges.add(
        Measure("space", measure_space),
        Measure("declared", partial(measure_declared, names)),
        Measure("restore_tests", partial(measure_overdue, own.restore_test_period)),
        Measure("failed_restore_tests", measure_failed),
        Measure("audits", surveyor.measure),
        Measure("standing", partial(measure_standing, names)),
    )
    room.app.state.storage = Storage(database, sites, spaces)
    room.app.state.site_survey = site_survey(database, sites)
    room.app.state.audits = Audits(database, surveyor, own, names)


def _routes() -> APIRouter:
    routes = APIRouter()
    edges = (audit_api, purge_api, rereading_api, restore_api, sites_api)
    for each in (router, *(edge.router for edge in edges)):
        routes.include_router(each)
    return routes


def _site(database: RoomDatabase, opened: OpenSite) -> Dependency:
    """A site of which one is enough: archives can be read then, and what another misses is copied when it is back."""
    return Dependency(
        f"site:{opened.site.name}",
        opened.store.probe,
        open=partial(ready_site, database, opened),
        one_of="a_site",
        setting=f"CHARTRIER_SITES (site {opened.site.name})",
    )
