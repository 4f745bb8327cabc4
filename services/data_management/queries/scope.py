"""The second lock: what row-level security lets a transaction see."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

EVERYWHERE = "*"


async def look_within(connection: AsyncConnection, establishments: Iterable[UUID] | None) -> None:
    """Let this transaction see and write rows of these establishments only; None lets it see all.

    Until it is called nothing is visible; it ends with the transaction.
    """
    scope = EVERYWHERE if establishments is None else "{" + ",".join(map(str, establishments)) + "}"
    await connection.execute(select(func.set_config("chartrier.scope", scope, literal(value=True))))
