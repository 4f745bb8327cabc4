"""Sites that come and go; and since when a copy is lost, so that its repair is told as one."""

from alembic import op

from shared.database.migrations import add_index

revision = "0007"
down_revision = "0006"

WIDER = "-- contract: the check allows more than before, whatever the release before writes\n"
STATEMENTS = (
    """CREATE TABLE IF NOT EXISTS site (
        name text PRIMARY KEY,
        state text NOT NULL CHECK (state IN ('filling', 'active', 'retiring', 'retired')),
        since timestamptz NOT NULL DEFAULT now()
    )""",
    # One that was declared when the archive was in use already has what came since: a walk tells which are full.
    "INSERT INTO site (name, state) SELECT site, 'filling' FROM usage ON CONFLICT DO NOTHING",
    "GRANT SELECT, INSERT, UPDATE ON site TO chartrier_storage",
    "ALTER TABLE copy ADD COLUMN IF NOT EXISTS lost_at timestamptz",
    f"{WIDER} ALTER TABLE copy DROP CONSTRAINT IF EXISTS copy_state_check",
    f"""{WIDER} ALTER TABLE copy ADD CONSTRAINT copy_state_check
       CHECK (state IN ('to_write', 'written', 'verified', 'lost', 'purged', 'retired')) NOT VALID""",
)


def upgrade() -> None:
    """Make the table and the column, and index what is asked for often and short."""
    for statement in STATEMENTS:
        op.execute(statement)
    add_index("ix_holding_damaged", "holding (key) WHERE state = 'damaged'")
