"""What an operator does to work: have it begun anew, or leased to nobody any more.

Both take it from whoever holds it: the epoch moves on, so a worker that hangs, or goes on, can record nothing.
"""

from collections.abc import Sequence

from sqlalchemy import ARRAY, BigInteger, Executable, any_, bindparam, func, literal_column, select, update

from shared.database.plumbing import work
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import Transaction

_NAMED = (
    select(work.c.id)
    .where(work.c.id == any_(bindparam("row_ids", type_=ARRAY(BigInteger))))
    .order_by(work.c.id)
    .with_for_update()
    .cte("named")
)

_TAKEN_AWAY = (
    update(work)
    .where(work.c.id == _NAMED.c.id)
    .values(leased_until=None, epoch=work.c.epoch + 1)
    .returning(work.c.id, work.c.kind, work.c.key)
)

_RESUME = _TAKEN_AWAY.values(not_before=func.now(), attempts=0, last_error=None)

# The one moment that never comes, so that whoever leases knows it, older versions too.
_ABANDON = _TAKEN_AWAY.values(not_before=literal_column("'infinity'::timestamptz"))


async def resume(tx: Transaction, actor: str, ids: Sequence[int]) -> list[int]:
    """Begin work anew at once, taken from whoever holds it; return the ids that were there. Each is journaled."""
    return await _take_away(tx, _RESUME, JournalLineV1(kind="events", action="work.resumed", actor=actor), ids)


async def abandon(tx: Transaction, actor: str, ids: Sequence[int]) -> list[int]:
    """Have work leased to nobody until it is resumed; return the ids that were there. Each is journaled.

    It stays in the table: asked for again, it is still abandoned.
    """
    return await _take_away(tx, _ABANDON, JournalLineV1(kind="events", action="work.abandoned", actor=actor), ids)


async def _take_away(tx: Transaction, statement: Executable, line: JournalLineV1, ids: Sequence[int]) -> list[int]:
    rows = (await tx.connection.execute(statement, {"row_ids": list(ids)})).all()
    for row in rows:
        tx.journal(line.model_copy(update={"object": row.key, "details": {"work": row.id, "kind": row.kind}}))
    return sorted(row.id for row in rows)
