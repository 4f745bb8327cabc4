"""Enter staged SIPs as transfers: those that arrive at the same moment in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.ingest import lanes, queries
from services.ingest.domain.transfer import TransferState
from services.ingest.queries import Transfer
from shared.messages.ingest import SipReceivedV1
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue
from shared.object_store.port import Written
from shared.tracing import current_trace

JUDGE = "judge"
"""Check a dry run. A kind of work apart: a worker of the release before would build its AIP."""


@dataclass(slots=True)
class Arrival:
    """What a staged SIP is entered with; `leaving` once a commit may be on its way, told or not."""

    values: Mapping[str, Any]
    written: Written
    trace: str | None = field(default_factory=current_trace)
    leaving: bool = False


async def enter(tx: Transaction, arrivals: Sequence[Arrival]) -> list[Transfer | None]:
    """Enter new transfers; None for one whose bytes are pending or accepted for its establishment already."""
    for arrival in arrivals:
        arrival.leaving = False
    added = await queries.add_transfers(tx.connection, [arrival.values for arrival in arrivals])
    entered = [added.get(arrival.values["id"]) for arrival in arrivals]
    for new, arrival in zip(entered, arrivals, strict=True):
        if new is not None and not new.dry_run:
            tx.post(_received(new, arrival.written), trace=arrival.trace)
            tx.journal(_line("transfer.received", new, arrival.written))
        arrival.leaving = True
    return await _at_once(tx, entered)


async def _at_once(tx: Transaction, entered: list[Transfer | None]) -> list[Transfer | None]:
    """Have dry runs checked: nobody else is told of them."""
    dry = [new for new in entered if new is not None and new.dry_run]
    if not dry:
        return entered
    ids = [one.id for one in dry]
    moved = await queries.step(tx.connection, ids, TransferState.RECEIVED, TransferState.CHECKING)
    await enqueue(tx, JUDGE, *map(lanes.further, dry))
    return [None if new is None else moved.get(new.id, new) for new in entered]


def _received(new: Transfer, written: Written) -> SipReceivedV1:
    return SipReceivedV1(
        transfer_id=new.id,
        establishment=new.establishment,
        staging_key=new.staging_key,
        size=written.measure.size,
        sha512=written.measure.sha512,
    )


def _line(action: str, new: Transfer, written: Written) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action=action,
        actor=new.depositor,
        object=f"transfer:{new.id}",
        establishment=new.establishment,
        transfer_id=new.id,
        details={
            "sha512": written.measure.sha512,
            "size": written.measure.size,
            "agreement": str(new.agreement),
            "agreement_version": new.agreement_version,
        },
    )
