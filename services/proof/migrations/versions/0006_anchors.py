"""What proof makes beside journals: anchors, and everything on its way to the sites."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    """CREATE TABLE anchor (
        number bigint PRIMARY KEY,
        at timestamptz NOT NULL,
        sha512 bytea NOT NULL,
        body text
    )""",
    "CREATE TABLE anchored_journal (journal integer PRIMARY KEY REFERENCES journal (id), number bigint NOT NULL)",
    "CREATE TABLE anchored_sender (sender text PRIMARY KEY, batch bigint NOT NULL)",
    """CREATE TABLE filed (
        kind text NOT NULL CHECK (kind IN ('anchor', 'seal', 'renewal')),
        number bigint NOT NULL,
        sha512 bytea NOT NULL,
        size bigint NOT NULL,
        filed_at timestamptz NOT NULL DEFAULT now(),
        stored_at timestamptz,
        PRIMARY KEY (kind, number)
    )""",
    "CREATE INDEX ix_anchor_here ON anchor (number) WHERE body IS NOT NULL",
    "CREATE INDEX ix_filed_awaited ON filed (filed_at) WHERE stored_at IS NULL",
    # As for lines: the room has no right to change them, and the triggers stop the owner's own mistakes.
    """CREATE TRIGGER anchor_stays BEFORE UPDATE OF number, at, sha512 OR DELETE OR TRUNCATE ON anchor
       FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_proof()""",
    """CREATE TRIGGER filed_stays BEFORE UPDATE OF kind, number, sha512, size OR DELETE OR TRUNCATE ON filed
       FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_proof()""",
    "ALTER TABLE seal ADD COLUMN heads bytea",
    "ALTER TABLE seal ADD COLUMN signature text",
    "ALTER TABLE seal ADD COLUMN token_at timestamptz",
    "ALTER TABLE seal ADD COLUMN holed integer NOT NULL DEFAULT 0",
    "GRANT UPDATE (token_at) ON seal TO chartrier_proof",
    "GRANT SELECT, INSERT, UPDATE (body) ON anchor TO chartrier_proof",
    "GRANT SELECT, INSERT, UPDATE ON anchored_journal, anchored_sender TO chartrier_proof",
    "GRANT SELECT, INSERT, UPDATE (stored_at) ON filed TO chartrier_proof",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
