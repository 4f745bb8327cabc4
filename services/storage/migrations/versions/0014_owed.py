"""Copies that are to be written, or written again, are counted and walked over without reading the copy map."""

from shared.database.migrations import add_index

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Index them; there are few as a rule."""
    add_index(
        "ix_copy_owed",
        "copy (site, state, holding, version) INCLUDE (lost_at) WHERE state IN ('to_write', 'lost')",
    )
