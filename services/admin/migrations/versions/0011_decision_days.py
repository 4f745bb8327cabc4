"""Agreements say within how many days an archivist should decide."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column; without a value nobody is reminded, as before."""
    op.execute("ALTER TABLE agreement_version ADD COLUMN decision_days integer")
