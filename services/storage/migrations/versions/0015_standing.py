"""A copy remembers that it could not be read, and when it was whole again: no alarm dies with a process."""

from alembic import op

from shared.database.migrations import add_index

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add both moments, and find the few that have one without reading the copy map."""
    op.execute("ALTER TABLE copy ADD COLUMN IF NOT EXISTS unread_at timestamptz")
    op.execute("ALTER TABLE copy ADD COLUMN IF NOT EXISTS repaired_at timestamptz")
    add_index("ix_copy_unreadable", "copy (site) WHERE unread_at IS NOT NULL")
    add_index("ix_copy_repaired", "copy (repaired_at, site) WHERE repaired_at IS NOT NULL")
