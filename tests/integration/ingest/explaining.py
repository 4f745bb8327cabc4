"""What PostgreSQL does for a statement of ours, as it does it: with our values, on our connection."""

from collections.abc import Mapping

from sqlalchemy import Executable, event
from sqlalchemy.ext.asyncio import AsyncConnection


async def explained(
    connection: AsyncConnection, statement: Executable, values: Mapping[str, object] | None = None
) -> str:
    """Run a statement and return its plan, with how many rows each step gave."""

    def explain(
        _connection: object, _cursor: object, said: str, parameters: object, *_: object
    ) -> tuple[str, object]:
        return f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF) {said}", parameters

    event.listen(connection.sync_connection, "before_cursor_execute", explain, retval=True)
    try:
        return "\n".join(row[0] for row in await connection.execute(statement, values))
    finally:
        event.remove(connection.sync_connection, "before_cursor_execute", explain)
