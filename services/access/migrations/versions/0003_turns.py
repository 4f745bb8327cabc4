"""The third form of the plumbing: work says whose it is, and which hands do it."""

from alembic import op

from shared.database.migrations import add_index
from shared.database.plumbing import EXTEND_V3, INDEX_V3

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns and their index."""
    for statement in EXTEND_V3:
        op.execute(statement)
    add_index(*INDEX_V3)
