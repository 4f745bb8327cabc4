"""What ingest tells besides its queues: transfers and uploads on their way, and when the last deposit came."""

from prometheus_client import Gauge

from services.ingest import queries
from services.ingest.awaiting import overdue
from services.ingest.domain.transfer import NEXT
from services.ingest.domain.upload import UploadState
from services.ingest.uploads import queries as uploads
from shared.gauges import Measure, show
from shared.messaging.transaction import RoomDatabase

PENDING = Gauge("chartrier_transfers_pending", "Transfers that are neither accepted nor refused yet", ("state",))
PENDING_AGE = Gauge("chartrier_transfers_pending_oldest_seconds", "Age of the oldest of them", ("state",))
OVERDUE = Gauge("chartrier_decisions_overdue", "Transfers that await a decision beyond their term")
LAST_DEPOSIT = Gauge("chartrier_last_deposit_timestamp_seconds", "When the last transfer was received (0: never)")
UPLOADS = Gauge("chartrier_uploads", "Uploads whose bytes come, or are being put together", ("state",))
UPLOADS_AGE = Gauge("chartrier_uploads_oldest_seconds", "Age of the oldest of them", ("state",))
UPLOAD_BYTES = Gauge("chartrier_upload_bytes", "Bytes of uploads that lie in pieces in staging")

_NONE: dict[tuple[str, ...], float] = {(state.value,): 0.0 for state, following in NEXT.items() if following}


async def measure_transfers(database: RoomDatabase) -> None:
    """Set the gauges of what is pending; an index has these rows only, however many are done."""
    async with database.reading() as connection:
        rows = await queries.pending(connection)
        last = await queries.last_received(connection)
        late = await overdue(connection)
    show(PENDING, {**_NONE, **{(state,): count for state, count, _ in rows}})
    show(PENDING_AGE, {**_NONE, **{(state,): float(age) for state, _, age in rows}})
    OVERDUE.set(late)
    LAST_DEPOSIT.set(0 if last is None else last.timestamp())


_NO_UPLOADS: dict[tuple[str, ...], float] = {
    (state.value,): 0.0 for state in (UploadState.RECEIVING, UploadState.ASSEMBLING)
}


async def measure_uploads(database: RoomDatabase) -> None:
    """Set the gauges of uploads that are not over, and of the bytes that lie in pieces."""
    async with database.reading() as connection:
        rows = await uploads.under_way(connection)
        lying, _ = await uploads.piece_bytes(connection)
    show(UPLOADS, {**_NO_UPLOADS, **{(state,): count for state, count, _ in rows}})
    show(UPLOADS_AGE, {**_NO_UPLOADS, **{(state,): age for state, _, age in rows}})
    UPLOAD_BYTES.set(lying)


MEASURES = (Measure("transfers", measure_transfers), Measure("uploads", measure_uploads))
