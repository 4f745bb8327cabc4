"""Orders to purge, as they were given: the trace of who ordered what, by which list and visa."""

from alembic import op

revision = "0014"
down_revision = "0013"

STATEMENTS = (
    """CREATE TABLE IF NOT EXISTS purge_order (
        id uuid PRIMARY KEY,
        establishment uuid NOT NULL,
        aip uuid NOT NULL,
        units uuid[] NOT NULL,
        list_sha512 text NOT NULL,
        visa_sha512 text NOT NULL,
        ordered_at timestamptz NOT NULL,
        ordered_by text NOT NULL
    )""",
    "GRANT SELECT, INSERT ON purge_order TO chartrier_admin",
)


def upgrade() -> None:
    """Make the table; its rows are only ever added."""
    for statement in STATEMENTS:
        op.execute(statement)
