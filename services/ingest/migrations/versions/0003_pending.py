"""Transfers that are neither accepted nor refused are found without reading those that are."""

from shared.database.migrations import add_index

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add an index that holds what is pending, and nothing else."""
    add_index("ix_transfer_pending", "transfer (received_at) WHERE state NOT IN ('accepted', 'rejected')")
