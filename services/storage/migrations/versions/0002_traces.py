"""The second form of the plumbing: traces, and messages for one consumer."""

from alembic import op

from shared.database.plumbing import EXTEND_V2

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns."""
    for statement in EXTEND_V2:
        op.execute(statement)
