"""Signing keys are published before they sign, and may be revoked; a client's former secret works for a while."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    # A key made by the version before this one signs from its first moment on, which is what the default says.
    "ALTER TABLE signing_key ADD COLUMN signs_from timestamptz NOT NULL DEFAULT now()",
    "UPDATE signing_key SET signs_from = created_at",
    "ALTER TABLE signing_key ADD COLUMN revoked_at timestamptz",
    "ALTER TABLE client ADD COLUMN former_salt bytea",
    "ALTER TABLE client ADD COLUMN former_sha256 bytea",
    "ALTER TABLE client ADD COLUMN former_until timestamptz",
)


def upgrade() -> None:
    """Add the columns."""
    for statement in STATEMENTS:
        op.execute(statement)
