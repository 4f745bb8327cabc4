"""A transfer that awaits an archivist may have a term, and those that wait are listed from an index."""

from alembic import op

from shared.database.migrations import add_index

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column and the index; all of it bears being done twice."""
    op.execute("ALTER TABLE transfer ADD COLUMN IF NOT EXISTS decide_by timestamptz")
    add_index("ix_transfer_awaiting", "transfer (id) WHERE state = 'awaiting_decision'")
