"""Agreements may be for trying out: nothing of what comes under them is kept."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; agreements there are remain in earnest."""
    op.execute("ALTER TABLE agreement_version ADD COLUMN sandbox boolean NOT NULL DEFAULT false")
