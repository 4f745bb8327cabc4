"""How much was taken in under each agreement: kept as it is taken, so that nobody adds up all transfers."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    "CREATE TABLE intake (agreement uuid PRIMARY KEY, bytes bigint NOT NULL)",
    """INSERT INTO intake
       SELECT agreement, coalesce(sum((counts ->> 'bytes')::bigint), 0)
       FROM transfer
       WHERE state IN ('awaiting_decision', 'storing', 'cataloguing', 'recording', 'accepted') AND NOT dry_run
       GROUP BY agreement""",
    "GRANT SELECT, INSERT, UPDATE ON intake TO chartrier_ingest",
)


def upgrade() -> None:
    """Make the table, and count what was taken in before."""
    for statement in STATEMENTS:
        op.execute(statement)
