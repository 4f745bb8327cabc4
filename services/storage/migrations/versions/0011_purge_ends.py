"""Orders to purge that are refused, and when each last came further; sites that are attested to be destroyed."""

from alembic import op

from shared.database.migrations import add_index

revision = "0011"
down_revision = "0010"

WIDER = "-- contract: the check allows more than before, whatever the release before writes\n"
NARROWER = "-- contract: it forbids what the new one allows, and that one forbids all else that it did\n"
STATEMENTS = (
    "ALTER TABLE purge_order ADD COLUMN IF NOT EXISTS moved_at timestamptz NOT NULL DEFAULT now()",
    "ALTER TABLE purge_order ADD COLUMN IF NOT EXISTS reason text",
    f"{WIDER} ALTER TABLE purge_order DROP CONSTRAINT IF EXISTS purge_order_state_check",
    f"""{WIDER} ALTER TABLE purge_order ADD CONSTRAINT purge_order_state_check
       CHECK (state IN ('ordered', 'rewriting', 'releasing', 'deleting', 'done', 'refused')) NOT VALID""",
    "ALTER TABLE site ADD COLUMN IF NOT EXISTS destroyed_at timestamptz",
    "ALTER TABLE site ADD COLUMN IF NOT EXISTS attested_by text",
)


def upgrade() -> None:
    """Add the columns; an order that was refused keeps no other from its AIP."""
    for statement in STATEMENTS:
        op.execute(statement)
    add_index("uq_purge_order_under_way", "purge_order (aip) WHERE state NOT IN ('done', 'refused')", unique=True)
    with op.get_context().autocommit_block():
        op.execute(f"{NARROWER} DROP INDEX CONCURRENTLY IF EXISTS uq_purge_order_open")
