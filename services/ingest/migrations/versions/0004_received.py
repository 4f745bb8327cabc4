"""What was received in a period is counted from an index, whatever became of it."""

from shared.database.migrations import add_index

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add an index that counts by itself: the state lies in it."""
    add_index("ix_transfer_received", "transfer (establishment, received_at) INCLUDE (state)")
