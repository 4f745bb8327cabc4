"""Count what a database is asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """Lend the list that each statement of this engine is added to, in its order.

    One that is executed for a list of parameters is there once for each of them: so many does the server execute.
    """
    asked: list[str] = []

    def note(*about: object) -> None:
        # connection, cursor, statement, parameters, context, executemany
        statement, parameters, many = about[2], about[3], about[5]
        times = len(parameters) if many and isinstance(parameters, list | tuple) else 1
        asked.extend([str(statement)] * times)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)
