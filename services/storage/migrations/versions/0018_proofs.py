"""What proof makes is kept as journals are."""

from alembic import op

revision = "0018"
down_revision = "0017"

WIDER = "-- contract: the check allows more than before, whatever the release before writes\n"
STATEMENTS = (
    f"{WIDER} ALTER TABLE holding DROP CONSTRAINT IF EXISTS holding_kind_check",
    f"""{WIDER} ALTER TABLE holding ADD CONSTRAINT holding_kind_check
       CHECK (kind IN ('aip', 'record', 'journal', 'proof')) NOT VALID""",
)


def upgrade() -> None:
    """Widen what may be said."""
    for statement in STATEMENTS:
        op.execute(statement)
