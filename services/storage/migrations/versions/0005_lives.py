"""The further life of what is kept: journals beside AIPs and records, damage, the end on order."""

from alembic import op

from shared.database.migrations import add_index

revision = "0005"
down_revision = "0004"

WIDER = "-- contract: each check allows more than before, whatever the release before writes\n"
STATEMENTS = (
    f"{WIDER} ALTER TABLE holding DROP CONSTRAINT IF EXISTS holding_kind_check",
    f"""{WIDER} ALTER TABLE holding ADD CONSTRAINT holding_kind_check
       CHECK (kind IN ('aip', 'record', 'journal')) NOT VALID""",
    f"{WIDER} ALTER TABLE holding DROP CONSTRAINT IF EXISTS holding_state_check",
    f"""{WIDER} ALTER TABLE holding ADD CONSTRAINT holding_state_check
       CHECK (state IN ('storing', 'stored', 'refused', 'damaged', 'purging', 'purged')) NOT VALID""",
    f"{WIDER} ALTER TABLE copy DROP CONSTRAINT IF EXISTS copy_state_check",
    f"""{WIDER} ALTER TABLE copy ADD CONSTRAINT copy_state_check
       CHECK (state IN ('to_write', 'written', 'verified', 'lost', 'purged')) NOT VALID""",
)


def upgrade() -> None:
    """Widen what may be said, and index the copies of a site by when they were last read whole."""
    for statement in STATEMENTS:
        op.execute(statement)
    add_index("ix_copy_read", "copy (site, verified_at) WHERE state = 'verified'")
