"""A transfer says by which order what it told was forgotten; its like is found by its bytes or its message."""

from alembic import op

from shared.database.migrations import add_index

revision = "0012"
down_revision = "0011"

OVER = "state IN ('rejected', 'judged')"


def upgrade() -> None:
    """Add the columns, and what a purge looks transfers up by: no index of standing ones has those that are over."""
    op.execute("ALTER TABLE transfer ADD COLUMN IF NOT EXISTS forgotten_by uuid")
    op.execute("ALTER TABLE transfer ADD COLUMN IF NOT EXISTS reason_salt bytea")
    add_index("ix_transfer_bytes", "transfer (establishment, sha512)")
    # The beginning alone: an entry of an index has 2,704 bytes at most, and what was refused may be longer.
    begins = "left(header->>'message_identifier', 200)"
    add_index("ix_transfer_message_over", f"transfer (establishment, ({begins})) WHERE {OVER}")
