"""An agreement says by which vocabulary its replies are coded."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; agreements made before keep the vocabulary that their replies had."""
    op.execute("ALTER TABLE agreement_version ADD COLUMN reply_codes text NOT NULL DEFAULT 'vitam'")
