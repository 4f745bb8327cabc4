"""Containers of lines, as they leave for the sites: where each begins and ends, and what it is."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """CREATE TABLE container (
        journal integer NOT NULL REFERENCES journal (id),
        number integer NOT NULL,
        first bigint NOT NULL,
        last bigint NOT NULL CHECK (last >= first),
        planned_at timestamptz NOT NULL DEFAULT now(),
        sha512 bytea,
        size bigint,
        closed_at timestamptz,
        stored_at timestamptz,
        PRIMARY KEY (journal, number)
    )""",
    "CREATE INDEX ix_container_awaited ON container (journal, number) WHERE stored_at IS NULL",
    "GRANT SELECT, INSERT, UPDATE ON container TO chartrier_proof",
)


def upgrade() -> None:
    """Make the table."""
    for statement in STATEMENTS:
        op.execute(statement)
