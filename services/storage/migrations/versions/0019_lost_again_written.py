"""Copies that were lost and are on their way back are found without reading what a rebuild brought."""

from shared.database.migrations import add_index

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Find the few of the copies written and not yet read that had been lost."""
    add_index("ix_copy_returning", "copy (site) WHERE state = 'written' AND lost_at IS NOT NULL")
