"""Endpoints that are slow, endpoints whose log is yet to be removed, and since when a delivery has been asked for."""

from alembic import op

revision = "0013"
down_revision = "0012"

STATEMENTS = (
    "ALTER TABLE webhook ADD COLUMN prompt_owed integer NOT NULL DEFAULT 0",
    "ALTER TABLE webhook ADD COLUMN removed_at timestamptz",
    # For all that is there the moment of the migration: no row is written, and what waits has its days from then on.
    "ALTER TABLE webhook_delivery ADD COLUMN asked_at timestamptz NOT NULL DEFAULT now()",
)


def upgrade() -> None:
    """Add the columns; the release before passes over them, and takes a removed endpoint for a disabled one."""
    for statement in STATEMENTS:
        op.execute(statement)
