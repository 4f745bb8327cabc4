"""Orders of DIPs, and the plumbing."""

from alembic import op

from shared.database.plumbing import create_plumbing_v1

revision = "0001"
down_revision = None

STATEMENTS = (
    """CREATE TABLE dip (
        id uuid PRIMARY KEY,
        establishment uuid NOT NULL,
        orderer text NOT NULL,
        units uuid[] NOT NULL,
        state text NOT NULL,
        ordered_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        key text,
        epoch integer NOT NULL DEFAULT 0,
        size bigint,
        sha512 text,
        reason text
    )""",
    "GRANT SELECT, INSERT, UPDATE ON dip TO chartrier_access",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in (*create_plumbing_v1("access"), *STATEMENTS):
        op.execute(statement)
