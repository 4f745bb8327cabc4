"""Journals whose lines can only be added, and the plumbing."""

from alembic import op

from shared.database.plumbing import create_plumbing_v1

revision = "0001"
down_revision = None

STATEMENTS = (
    """CREATE TABLE journal (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE,
        kind text NOT NULL,
        establishment uuid,
        number bigint NOT NULL DEFAULT 0,
        sha512 bytea NOT NULL,
        changed_at timestamptz NOT NULL DEFAULT now()
    )""",
    "CREATE INDEX ix_journal_establishment ON journal (establishment)",
    """CREATE TABLE line (
        journal integer NOT NULL REFERENCES journal (id),
        number bigint NOT NULL,
        transfer_id uuid,
        sha512 bytea NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (journal, number)
    )""",
    "CREATE INDEX ix_line_transfer_id ON line (transfer_id) WHERE transfer_id IS NOT NULL",
    """CREATE TABLE sender (
        name text PRIMARY KEY,
        batch bigint NOT NULL,
        sha512 bytea NOT NULL,
        changed_at timestamptz NOT NULL DEFAULT now()
    )""",
    """CREATE TABLE batch (
        sender text NOT NULL,
        number bigint NOT NULL,
        sha512 bytea NOT NULL,
        kept_at timestamptz NOT NULL,
        PRIMARY KEY (sender, number)
    )""",
    """CREATE TABLE pending_batch (
        sender text NOT NULL,
        number bigint NOT NULL,
        sha512 bytea NOT NULL,
        message_id uuid NOT NULL,
        body bytea NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (sender, number)
    )""",
    # The room's role has no right to change a line; the triggers also stop the owner's own mistakes.
    """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'lines of journals are never changed nor removed'; END $$""",
    """CREATE TRIGGER line_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON line
       FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
    """CREATE TRIGGER batch_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON batch
       FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
    "GRANT SELECT, INSERT ON line, batch TO chartrier_proof",
    "GRANT SELECT, INSERT, UPDATE ON journal, sender TO chartrier_proof",
    "GRANT SELECT, INSERT, DELETE ON pending_batch TO chartrier_proof",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in (*create_plumbing_v1("proof"), *STATEMENTS):
        op.execute(statement)
