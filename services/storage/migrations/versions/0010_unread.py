"""Copies that came back with a rebuild and were not read since are found without reading the copy map."""

from shared.database.migrations import add_index

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Index them; there are none as a rule."""
    add_index("ix_copy_unread", "copy (holding, version, site) WHERE state = 'written'")
