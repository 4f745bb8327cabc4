"""Every question about proofs on their way to the sites, and every change of them. Callers own the transaction."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Interval, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.tables import anchor, filed
from shared.checksums import Measure
from shared.messages.proof import ProofKind


async def note_filed(connection: AsyncConnection, kind: ProofKind, number: int, measure: Measure) -> bool:
    """Note that a proof lies in staging; False where that was noted before."""
    row = {"kind": kind, "number": number, "sha512": bytes.fromhex(measure.sha512), "size": measure.size}
    made = insert(filed).values(row).on_conflict_do_nothing().returning(filed.c.number)
    return (await connection.execute(made)).one_or_none() is not None


async def is_filed(connection: AsyncConnection, kind: ProofKind, number: int) -> bool:
    """Say whether a proof was told of."""
    query = select(filed.c.number).where(filed.c.kind == kind, filed.c.number == number)
    return (await connection.execute(query)).one_or_none() is not None


async def is_filed_as(connection: AsyncConnection, kind: ProofKind, number: int, sha512: str) -> bool:
    """Say whether a proof was told of, with this digest."""
    ours = (filed.c.kind == kind, filed.c.number == number, filed.c.sha512 == bytes.fromhex(sha512))
    return (await connection.execute(select(filed.c.number).where(*ours))).one_or_none() is not None


async def is_stored(connection: AsyncConnection, kind: ProofKind, number: int) -> bool:
    """Say whether every site holds a proof."""
    ours = (filed.c.kind == kind, filed.c.number == number, filed.c.stored_at.is_not(None))
    return (await connection.execute(select(filed.c.number).where(*ours))).one_or_none() is not None


async def note_stored(connection: AsyncConnection, kind: ProofKind, number: int) -> None:
    """Note that every site holds a proof; the text of an anchor is needed here no more."""
    ours = (filed.c.kind == kind, filed.c.number == number)
    noted = update(filed).where(*ours, filed.c.stored_at.is_(None)).values(stored_at=func.now())
    if (await connection.execute(noted)).rowcount and kind == "anchor":
        await connection.execute(update(anchor).where(anchor.c.number == number).values(body=None))


_AWAITED = (
    select(filed.c.kind, filed.c.number, filed.c.sha512, filed.c.size)
    .where(
        filed.c.stored_at.is_(None),
        filed.c.filed_at < func.now() - bindparam("young", type_=Interval),
    )
    .order_by(filed.c.filed_at)
    .limit(bindparam("limit"))
)


async def awaited(
    connection: AsyncConnection, young: timedelta, limit: int
) -> Sequence[tuple[ProofKind, int, Measure]]:
    """Return proofs, oldest first, that were filed longer ago than `young` and are not on every site."""
    rows = await connection.execute(_AWAITED, {"young": young, "limit": limit})
    return [(row.kind, row.number, Measure(row.sha512.hex(), row.size)) for row in rows]
