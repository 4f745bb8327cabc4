"""Work that never ends: one row for ever, done in stints.

ready ──lease──▶ leased ──rest──▶ waiting ──▶ ready …
"""

from sqlalchemy import Float, Interval, bindparam, func, literal_column, update

from shared.database.plumbing import work
from shared.messaging.lease import Lease
from shared.messaging.transaction import Transaction
from shared.messaging.work import StaleLease

_THEN = func.clock_timestamp() + bindparam("delay_seconds", type_=Float) * literal_column(
    "interval '1 second'", Interval
)
_REST = (
    update(work)
    .where(work.c.id == bindparam("row_id"), work.c.epoch == bindparam("row_epoch"))
    .values(leased_until=None, attempts=0, not_before=_THEN, created_at=_THEN, last_error=None)
    .returning(work.c.id)
)


async def rest(tx: Transaction, held: Lease, seconds: float) -> None:
    """Give work back until its next stint. Raises `StaleLease` when it is no longer ours.

    It counts as asked for at that moment: neither old nor failed, however often it has come round.
    """
    values = {"row_id": held.id, "row_epoch": held.epoch, "delay_seconds": seconds}
    if (await tx.connection.execute(_REST, values)).one_or_none() is None:
        raise StaleLease(f"{held.kind} {held.key}")
