"""Restore tests: which AIP of an establishment was read back whole from one site, when, and what came of it."""

from alembic import op

from shared.database.migrations import add_index

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    """CREATE TABLE IF NOT EXISTS restore_test (
        id uuid PRIMARY KEY,
        establishment uuid NOT NULL,
        aip uuid NOT NULL,
        version integer NOT NULL,
        site text NOT NULL,
        outcome text NOT NULL CHECK (outcome IN ('whole', 'faulty', 'lost')),
        members integer NOT NULL,
        bytes bigint NOT NULL,
        faults jsonb NOT NULL,
        tested_at timestamptz NOT NULL DEFAULT now()
    )""",
    "CREATE INDEX IF NOT EXISTS ix_restore_test ON restore_test (establishment, id)",
    "GRANT SELECT, INSERT ON restore_test TO chartrier_storage",
)


def upgrade() -> None:
    """Make the table, and an index by which an establishment's stored AIPs are found."""
    for statement in STATEMENTS:
        op.execute(statement)
    add_index("ix_holding_stored", "holding (establishment, id, version) WHERE kind = 'aip' AND state = 'stored'")
