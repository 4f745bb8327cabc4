"""Many rows in one statement: as one JSON document, into which PostgreSQL looks.

A statement with a parameter for each value of each row costs some ten times as much, here and there.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection


def adding(table: Table, names: Sequence[str], returned: Sequence[str]) -> TextClause:
    """Return the statement that `add_rows` executes: these columns of rows, but of those that are there already.

    `returned` are the columns that it gives of each row that it added.
    """
    columns, given = (", ".join(f'"{table.c[name].name}"' for name in some) for some in (names, returned))
    rows = f"jsonb_populate_recordset(NULL::{table.name}, CAST(:rows AS jsonb))"
    return text(
        f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {rows} "  # noqa: S608 (names of our own tables)
        f"ON CONFLICT DO NOTHING RETURNING {given}"
    )


async def add_rows(
    connection: AsyncConnection, statement: TextClause, rows: Sequence[Mapping[str, Any]]
) -> list[tuple[Any, ...]]:
    """Add rows, each with the columns of the statement; return what it gives of those that were not there.

    Raises what the database raises of values that are not what a column takes.
    """
    if not rows:
        return []
    document = json.dumps([dict(row) for row in rows], ensure_ascii=False, separators=(",", ":"), default=str)
    return [tuple(row) for row in await connection.execute(statement, {"rows": document})]
