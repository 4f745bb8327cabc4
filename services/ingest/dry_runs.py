"""Dry runs that were judged long ago: their verdicts go, and nothing else is left of them.

Bytes went to be swept with the verdict (`handlers.keep_nothing`); findings and report are in the row; there was
never a reply. The journal's lines stay.
"""

from datetime import timedelta

from sqlalchemy import Boolean, bindparam, delete, func, literal_column, select
from sqlalchemy.types import Interval

from services.ingest.tables import transfer
from shared.messaging.housekeeping import BATCH
from shared.messaging.transaction import RoomDatabase

# The words of the index `ix_transfer_judged`, and of the trigger that stands before every other row.
_IS_OVER = literal_column("dry_run AND state = 'judged'", Boolean)

_OLD = (
    select(transfer.c.id)
    .where(_IS_OVER, transfer.c.changed_at < func.now() - bindparam("kept", type_=Interval))
    .order_by(transfer.c.changed_at)
    .limit(bindparam("most"))
    # Another process that does the same at this moment has the others.
    .with_for_update(skip_locked=True)
    .cte("old")
)
FORGET = delete(transfer).where(transfer.c.id == _OLD.c.id)


async def forget_dry_runs(kept: timedelta, database: RoomDatabase, *, at_once: int = BATCH) -> int:
    """Remove dry runs that were judged longer ago than that, a batch at a time; return how many there were."""
    removed = 0
    while True:
        async with database.reading() as connection:
            count = (await connection.execute(FORGET, {"kept": kept, "most": at_once})).rowcount
        removed += count
        if count < at_once:
            return removed
