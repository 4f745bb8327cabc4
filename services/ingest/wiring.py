"""Ingest put together: the one place where its real parts are chosen."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from fastapi import APIRouter

from services.ingest import api, decisions_api, handlers, intake_api, receipts_api, reconciliation_api
from services.ingest.adapters.children import Children
from services.ingest.adapters.clamav import Clamd
from services.ingest.adapters.clamd_sessions import Sessions
from services.ingest.adapters.rules import RuleReferential
from services.ingest.arrivals import JUDGE
from services.ingest.deciding import REMIND, remind
from services.ingest.dry_runs import forget_dry_runs
from services.ingest.explainer import Explainer, prepare
from services.ingest.forgetting import forget_transfers
from services.ingest.lanes import PATIENCE_SECONDS
from services.ingest.measures import MEASURES
from services.ingest.orphans import forget_orphans
from services.ingest.parts import Ingest
from services.ingest.pipeline.schema import use_official
from services.ingest.profiles import keep_profiles
from services.ingest.settings import IngestSettings
from services.ingest.uploads import api as uploads_api
from services.ingest.uploads.assembling import enter_upload
from services.ingest.uploads.forgetting import (
    FORGET_PIECES,
    expire,
    forget_orphan_pieces,
    forget_pieces,
    forget_uploads,
)
from services.ingest.uploads.receiving import ASSEMBLE
from services.ingest.worker import Workshop
from shared.dependencies import WORKER, Dependency
from shared.gauges import Measure
from shared.messages.admin import AgreementPublishedV1, ProfilePublishedV1
from shared.messages.data_management import AipCataloguedV1
from shared.messages.ingest import SipReceivedV1
from shared.messages.proof import DepositRecordedV1
from shared.messages.storage import AipStorageRefusedV1, AipStoredV1, PurgeBegunV1
from shared.messaging.consumer import Consumer
from shared.messaging.housekeeping import Chore
from shared.messaging.lease import Lane
from shared.messaging.transaction import RoomDatabase
from shared.messaging.transport import Transport
from shared.messaging.workers import WorkLoop
from shared.object_store.opening import open_store, staging_of
from shared.object_store.port import ObjectStore
from shared.room import Room, assemble, lay
from shared.settings import RoomSettings

SCANNER_SECONDS = 5.0
"""How long the antivirus may take to say its version when readiness is asked for."""


def build(settings: RoomSettings, own: IngestSettings, transport: Transport | None = None) -> Room:
    """Return ingest, ready to be opened."""
    foundation = lay("ingest", settings, transport)
    foundation.gauges.add(*MEASURES)
    staging = open_store(own.staging_url)
    database, lasts = foundation.database, settings.lease_seconds
    ingest = Ingest(database, foundation.calls, staging, own)
    children = Children(own.ingest_processes, partial(use_official, own.seda_xsd))
    large_children = Children(own.large_processes, partial(use_official, own.seda_xsd))
    explainer = Explainer(Children(1, partial(prepare, own.seda_xsd)))
    rules = RuleReferential(foundation.calls)
    workshop = Workshop(ingest, children, rules, explainer=explainer, patience=PATIENCE_SECONDS)
    of_the_large = Workshop(ingest, large_children, rules, explainer=explainer)
    room = assemble(
        foundation,
        _routes(),
        consumers=(
            Consumer("ingest.check_sip", database, {SipReceivedV1: handlers.start_checks}),
            Consumer("ingest.keep_agreements", database, {AgreementPublishedV1: handlers.keep_agreements}),
            Consumer("ingest.keep_profiles", database, {ProfilePublishedV1: keep_profiles}),
            Consumer("ingest.forget", database, {PurgeBegunV1: partial(forget_transfers, staging)}),
            # One queue for all the news of a transfer: of a batch, each kind in the order it first comes.
            Consumer(
                "ingest.follow_aip",
                database,
                {
                    AipStoredV1: handlers.await_catalogue,
                    AipStorageRefusedV1: handlers.build_again,
                    AipCataloguedV1: handlers.record_deposit,
                    DepositRecordedV1: partial(handlers.grant, staging),
                },
            ),
        ),
        loops=(
            WorkLoop(
                database,
                dict.fromkeys((handlers.PROCESS, JUDGE), workshop.process),
                slots=own.ingest_slots,
                lease_seconds=lasts,
            ),
            WorkLoop(
                database,
                dict.fromkeys((handlers.PROCESS, JUDGE), of_the_large.process),
                # One more than are checked: its working copy is made meanwhile.
                slots=own.large_processes + 1,
                lane=Lane.LARGE,
                lease_seconds=lasts,
            ),
            # Apart: whoever sent the last bytes of an upload waits for its transfer.
            *(
                WorkLoop(
                    database, {ASSEMBLE: partial(enter_upload, ingest)}, slots=slots, lane=lane, lease_seconds=lasts
                )
                for lane, slots in ((Lane.USUAL, 4), (Lane.LARGE, 2))
            ),
            WorkLoop(database, {FORGET_PIECES: partial(forget_pieces, ingest)}, slots=2, lease_seconds=lasts),
            WorkLoop(
                database,
                {handlers.SWEEP: workshop.sweep, REMIND: partial(remind, database)},
                slots=8,
                lease_seconds=lasts,
            ),
        ),
        dependencies=(staging_of(staging), *_scanner(own)),
        close=(children.close, large_children.close, explainer.close, staging.close),
    )

    async def measure_space(_: RoomDatabase) -> None:
        await ingest.berths.staging.look()

    foundation.gauges.add(Measure("space", measure_space))
    room.app.state.ingest = ingest
    return replace(room, chores=_chores(own, staging))


def _chores(own: IngestSettings, staging: ObjectStore) -> Sequence[Chore]:
    rested = timedelta(hours=own.upload_hours)
    return (
        Chore("orphans in staging", partial(forget_orphans, staging)),
        Chore("dry runs", partial(forget_dry_runs, timedelta(days=own.dry_run_days))),
        Chore("expired uploads", expire),
        Chore("uploads that are over", partial(forget_uploads, rested)),
        Chore("orphans of uploads", partial(forget_orphan_pieces, staging)),
    )


def _routes() -> APIRouter:
    routes = APIRouter()
    rooms = (api, uploads_api, reconciliation_api, intake_api, decisions_api, receipts_api)
    for each in (one.router for one in rooms):
        routes.include_router(each)
    return routes


def _scanner(own: IngestSettings) -> Sequence[Dependency]:
    """Return the antivirus, where there is one; deposits are taken without it, and wait for their checks."""
    if own.clamd is None:
        return ()
    sessions = Sessions(own.clamd, most=1, timeout=SCANNER_SECONDS)

    def ask() -> None:
        try:
            Clamd(sessions).version()
        finally:
            # Whether clamd takes a new connection is what is to be known.
            sessions.close()

    async def answers() -> None:
        await asyncio.to_thread(ask)

    only = frozenset({WORKER})
    return (Dependency("antivirus", answers, used_by=only, required_by=only),)
