"""Agreements say what becomes of electronic signatures, and whether they are asked for."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns; by default nobody looks at signatures, as nobody did before."""
    for name in ("signatures", "message_signature"):
        op.execute(f"ALTER TABLE agreement_version ADD COLUMN {name} text NOT NULL DEFAULT 'ignore'")
    for name in ("signatures_required", "message_signature_required"):
        op.execute(f"ALTER TABLE agreement_version ADD COLUMN {name} boolean NOT NULL DEFAULT false")
