"""A copy remembers since when something strange lies above it, so that the alarm lasts as long as that does."""

from alembic import op

from shared.database.migrations import add_index

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the moment, and find the few that have one without reading the copy map."""
    op.execute("ALTER TABLE copy ADD COLUMN IF NOT EXISTS overlaid_at timestamptz")
    add_index("ix_copy_overlaid", "copy (site) WHERE overlaid_at IS NOT NULL")
