"""Orders to purge: what was ordered, how far each has come, what it waits for, where nothing is left."""

from alembic import op

from shared.database.migrations import add_index

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    """CREATE TABLE IF NOT EXISTS purge_order (
        id uuid PRIMARY KEY,
        establishment uuid NOT NULL,
        aip uuid NOT NULL,
        units uuid[] NOT NULL,
        state text NOT NULL CHECK (state IN ('ordered', 'rewriting', 'releasing', 'deleting', 'done')),
        sha512 text NOT NULL,
        ordered jsonb NOT NULL,
        waits jsonb NOT NULL DEFAULT '{}',
        proofs jsonb NOT NULL DEFAULT '{}',
        ordered_at timestamptz NOT NULL,
        done_at timestamptz
    )""",
    "GRANT SELECT, INSERT, UPDATE ON purge_order TO chartrier_storage",
)


def upgrade() -> None:
    """Make the table; of orders under way there is one an AIP at most."""
    for statement in STATEMENTS:
        op.execute(statement)
    add_index("uq_purge_order_open", "purge_order (aip) WHERE state <> 'done'", unique=True)
    add_index("ix_purge_order_establishment", "purge_order (establishment, id)")
