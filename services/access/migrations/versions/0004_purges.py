"""DIPs say of which AIPs they are, and which AIPs are no more is known."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "ALTER TABLE dip ADD COLUMN IF NOT EXISTS aips uuid[]",
    """CREATE TABLE IF NOT EXISTS purged_aip (
        aip uuid NOT NULL,
        order_id uuid NOT NULL,
        units uuid[] NOT NULL,
        purged_at timestamptz NOT NULL,
        PRIMARY KEY (aip, order_id)
    )""",
    "GRANT SELECT, INSERT ON purged_aip TO chartrier_access",
)


def upgrade() -> None:
    """Add them; a package made before does not say what is in it (null), and may hold anything."""
    for statement in STATEMENTS:
        op.execute(statement)
