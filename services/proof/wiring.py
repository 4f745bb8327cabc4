"""The composition root of proof."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from services.proof.api import routes
from services.proof.closing import Closer, close_due
from services.proof.evidence_api import evidence_routes
from services.proof.gathering import GATHER, Gatherer, take_packages
from services.proof.handlers import CLOSE, QUEUE, keep_lines
from services.proof.measures import measures
from services.proof.settings import ProofSettings
from shared.dependencies import WORKER, Dependency
from shared.messages.journal import JournalLinesV1
from shared.messages.storage import AipStoredV1, JournalStoredV1
from shared.messaging.consumer import Consumer
from shared.messaging.housekeeping import Chore
from shared.messaging.lease import Lane
from shared.messaging.transaction import RoomDatabase
from shared.messaging.transport import Transport
from shared.messaging.workers import WorkLoop
from shared.object_store.opening import open_store
from shared.room import Room, assemble, lay
from shared.settings import RoomSettings

LINGER_SECONDS = 0.05

GATHERING_SECONDS = 0.5
"""How long stored packages wait for others, to be taken together: only the next seal waits for them."""

CLOSED_AT_ONCE = 2
"""Journals closed at once by one process: each is read a page at a time, and keeps one connection busy."""

GATHERED_AT_ONCE = 1
"""Pieces of work whose packages are read at once by one process: nobody waits for them but the next seal."""


def build(settings: RoomSettings, own: ProofSettings, transport: Transport | None = None) -> Room:
    """Return proof, ready to be opened."""
    foundation = lay("proof", settings, transport)
    period = timedelta(hours=own.journal_container_hours)
    foundation.gauges.add(*measures(period))
    database, staging = foundation.database, open_store(own.staging_url)
    closer = Closer(database, staging)
    gatherer = Gatherer(database, foundation.calls)
    router = routes(database, timedelta(minutes=own.journal_gap_minutes))
    router.include_router(evidence_routes(database))
    room = assemble(
        foundation,
        router,
        consumers=(
            # Lines may wait a moment for others: one transaction then keeps them all.
            Consumer(QUEUE, database, {JournalLinesV1: keep_lines}, linger=LINGER_SECONDS),
            Consumer("proof.note_stored", database, {JournalStoredV1: closer.forget_stored}),
            Consumer("proof.take_packages", database, {AipStoredV1: take_packages}, linger=GATHERING_SECONDS),
        ),
        loops=_loops(database, closer, gatherer, settings.lease_seconds),
        # Ingest makes it. While it is away lines are kept all the same, and containers wait.
        dependencies=[Dependency("staging", staging.probe, used_by=frozenset({WORKER}), required_by=frozenset())],
        close=[staging.close],
    )
    chores = (
        Chore("journals to close", partial(close_due, period)),
        Chore("containers that staging lost", closer.mend_staging),
        Chore("containers left in staging", closer.forget_orphans),
    )
    return replace(room, chores=chores)


def _loops(database: RoomDatabase, closer: Closer, gatherer: Gatherer, lease_seconds: float) -> list[WorkLoop]:
    # Hands of their own: journals leave for the sites however many packages come in.
    return [
        WorkLoop(database, {CLOSE: closer.close}, slots=CLOSED_AT_ONCE, lease_seconds=lease_seconds),
        WorkLoop(
            *(database, {GATHER: gatherer.gather}),
            slots=GATHERED_AT_ONCE,
            lane=Lane.BACKGROUND,
            lease_seconds=lease_seconds,
        ),
    ]
