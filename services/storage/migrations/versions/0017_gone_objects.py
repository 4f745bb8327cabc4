"""Orders to purge know which objects go with their units: ingest takes them out of its reply."""

from alembic import op

revision = "0017"
down_revision = "0015"


def upgrade() -> None:
    """Add the column; None in the orders of before."""
    op.execute("ALTER TABLE purge_order ADD COLUMN IF NOT EXISTS objects uuid[]")
