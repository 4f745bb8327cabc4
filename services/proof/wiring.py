"""The composition root of proof."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from fastapi import APIRouter

from services.proof.adopting import Adopter
from services.proof.api import routes
from services.proof.attestations.sealing_pdf import PdfSealer
from services.proof.attestations_api import attestation_routes
from services.proof.attesting import ATTEST, Attestor, take_purges
from services.proof.authorities import clock_of, signer_of
from services.proof.clock import ClockWatch, on_time
from services.proof.closing import Closer, close_due
from services.proof.evidence_api import evidence_routes
from services.proof.gathering import GATHER, Gatherer, take_packages
from services.proof.handlers import CLOSE, QUEUE, keep_lines
from services.proof.makers import Makers
from services.proof.measures import measures
from services.proof.proof_measures import PROOF_MEASURES
from services.proof.receipts import ISSUE, Issuer, take_accepted
from services.proof.receipts_api import receipt_routes
from services.proof.renewal_measures import renewal_measures
from services.proof.rereading import READ, Rereader
from services.proof.settings import ProofSettings
from services.proof.statements_api import statement_routes
from services.proof.stating import STATE, Examiner, Stater
from shared.dependencies import WORKER, Dependency
from shared.messages.ingest import TransferCompletedV1
from shared.messages.journal import JournalLinesV1
from shared.messages.storage import AipPurgedV1, AipStoredV1, JournalStoredV1, ProofStoredV1
from shared.messaging.consumer import Consumer
from shared.messaging.housekeeping import Chore
from shared.messaging.lease import Lane
from shared.messaging.transaction import RoomDatabase
from shared.messaging.transport import Transport
from shared.messaging.workers import Job, WorkLoop
from shared.object_store.opening import open_store
from shared.room import Room, assemble, lay
from shared.settings import RoomSettings

LINGER_SECONDS = 0.05

ADOPTED_SECONDS = 600.0
"""How often new lines are looked through for packages that proof was not told of."""

GATHERING_SECONDS = 0.5
"""How long stored packages, and accepted transfers, wait for others to be taken together with."""

CLOSED_AT_ONCE = 2
"""Journals closed at once by one process: each is read a page at a time, and keeps one connection busy."""

GATHERED_AT_ONCE = 1
"""Pieces of work whose packages are read at once by one process: nobody waits for them but the next seal."""

READ_AT_ONCE = 1
"""Packages read anew at once by one process, while an algorithm is given up: the sites are the deposits'."""

STATED_AT_ONCE = 2
"""Packages that one process looks at again at a time, for statements and attestations."""


def build(settings: RoomSettings, own: ProofSettings, transport: Transport | None = None) -> Room:
    """Return proof, ready to be opened."""
    foundation = lay("proof", settings, transport)
    period = timedelta(hours=own.journal_container_hours)
    signer, clock = signer_of(own), clock_of(own)
    database, staging = foundation.database, open_store(own.staging_url)
    closer = Closer(database, staging)
    makers = Makers(own, database, staging, signer, clock)
    foundation.gauges.add(*measures(period, signer), *PROOF_MEASURES, *renewal_measures(makers.calendar))
    gatherer = Gatherer(database, foundation.calls)
    adopter = Adopter(foundation.calls)
    issuer = Issuer(database, signer, clock.require, adopter.adopt, probative=makers.probative)
    unhurried: Mapping[str, tuple[Job, int]] = {
        GATHER: (gatherer.gather, GATHERED_AT_ONCE),
        ISSUE: (issuer.issue, GATHERED_AT_ONCE),
        READ: (Rereader(database, foundation.calls).read, READ_AT_ONCE),
    }
    examiner = Examiner(database, foundation.calls, gatherer, makers.stamper.anchors)
    attestor = Attestor(
        database,
        (examiner, signer, PdfSealer(signer, makers.stamper)),
        clock.require,
        probative=makers.probative,
    )
    stater = Stater(database, (examiner, signer), clock.require, probative=makers.probative)
    room = assemble(
        foundation,
        _routes(database, own, makers),
        consumers=(
            # Lines may wait a moment for others: one transaction then keeps them all.
            Consumer(QUEUE, database, {JournalLinesV1: on_time(clock, keep_lines)}, linger=LINGER_SECONDS),
            Consumer("proof.note_stored", database, {JournalStoredV1: closer.forget_stored}),
            # A queue of its own: a worker of the release before, which hears the other, knows no such message.
            Consumer("proof.note_proofs", database, {ProofStoredV1: makers.filer.forget_stored}),
            Consumer("proof.take_packages", database, {AipStoredV1: take_packages}, linger=GATHERING_SECONDS),
            Consumer(
                "proof.issue_receipts", database, {TransferCompletedV1: take_accepted}, linger=GATHERING_SECONDS
            ),
            Consumer("proof.note_purges", database, {AipPurgedV1: take_purges}),
        ),
        loops=_loops(
            database,
            {CLOSE: closer.close, **makers.jobs},
            {STATE: stater.state, ATTEST: attestor.attest},
            unhurried,
            settings.lease_seconds,
        ),
        # Ingest makes it. While it is away lines are kept all the same, and containers wait.
        dependencies=[
            Dependency("staging", staging.probe, used_by=frozenset({WORKER}), required_by=frozenset()),
            Dependency(
                "clock", ClockWatch(clock, database).ask, used_by=frozenset({WORKER}), required_by=frozenset()
            ),
        ],
        close=[staging.close, signer.close, makers.close],
    )
    chores = (
        Chore("journals to close", partial(close_due, period)),
        Chore("containers that staging lost", closer.mend_staging),
        Chore("containers left in staging", closer.forget_orphans),
        *makers.chores,
        Chore("packages proof was not told of", adopter.adopt, every=ADOPTED_SECONDS),
    )
    return replace(room, chores=chores)


def _routes(database: RoomDatabase, own: ProofSettings, makers: Makers) -> APIRouter:
    router = APIRouter()
    router.include_router(routes(database, timedelta(minutes=own.journal_gap_minutes)))
    router.include_router(evidence_routes(database))
    router.include_router(receipt_routes(database))
    router.include_router(statement_routes(database))
    router.include_router(attestation_routes(database))
    router.include_router(makers.routes())
    return router


def _loops(
    database: RoomDatabase,
    jobs: Mapping[str, Job],
    asked_for: Mapping[str, Job],
    unhurried: Mapping[str, tuple[Job, int]],
    lease_seconds: float,
) -> list[WorkLoop]:
    # Hands of their own: journals leave for the sites however many packages come in.
    return [
        WorkLoop(database, jobs, slots=CLOSED_AT_ONCE, lease_seconds=lease_seconds),
        WorkLoop(database, asked_for, slots=STATED_AT_ONCE, lease_seconds=lease_seconds),
        *(
            WorkLoop(database, {kind: job}, slots=slots, lane=Lane.BACKGROUND, lease_seconds=lease_seconds)
            for kind, (job, slots) in unhurried.items()
        ),
    ]
