"""Transfers that are neither accepted nor refused are found without reading those that are."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add an index that holds what is pending, and nothing else."""
    op.execute(
        "CREATE INDEX ix_transfer_pending ON transfer (received_at) WHERE state NOT IN ('accepted', 'rejected')"
    )
