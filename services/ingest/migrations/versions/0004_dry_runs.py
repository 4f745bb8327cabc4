"""A dry run is judged like a deposit and stands in nobody's way."""

from alembic import op

from shared.database.migrations import add_index

revision = "0004"
down_revision = "0003"

KEPT = "state <> 'rejected' AND NOT dry_run"


def upgrade() -> None:
    """Add the column; what was unique among deposits stays so, and dry runs are none."""
    # What stands before an index is committed with it: begun again, it finds the column there.
    op.execute("ALTER TABLE transfer ADD COLUMN IF NOT EXISTS dry_run boolean NOT NULL DEFAULT false")
    add_index("uq_transfer_kept_bytes", f"transfer (establishment, sha512) WHERE {KEPT}", unique=True)
    add_index(
        "uq_transfer_kept_message",
        "transfer (establishment, transferring_agency, message_identifier) "
        f"WHERE {KEPT} AND message_identifier IS NOT NULL",
        unique=True,
    )
    add_index(
        "ix_transfer_unfinished", "transfer (received_at) WHERE state NOT IN ('accepted', 'rejected', 'judged')"
    )
    # Whoever runs the release before names no index: it finds the new ones as well.
    for index in ("uq_transfer_bytes", "uq_transfer_message", "ix_transfer_pending"):
        op.execute(f"DROP INDEX IF EXISTS {index} -- contract: those made above do its work in both releases")
