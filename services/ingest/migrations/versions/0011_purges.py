"""A transfer whose archives were eliminated says by which order, and stands in the way of no other any more."""

from alembic import op

from shared.database.migrations import add_index

revision = "0011"
down_revision = "0010"

STANDING = "state <> 'rejected' AND NOT dry_run AND purged_by IS NULL"


def upgrade() -> None:
    """Add the column; what is unique among deposits is so among those that are still kept."""
    op.execute("ALTER TABLE transfer ADD COLUMN IF NOT EXISTS purged_by uuid")
    add_index("uq_transfer_standing_bytes", f"transfer (establishment, sha512) WHERE {STANDING}", unique=True)
    add_index(
        "uq_transfer_standing_message",
        "transfer (establishment, transferring_agency, message_identifier) "
        f"WHERE {STANDING} AND message_identifier IS NOT NULL",
        unique=True,
    )
    # Whoever runs the release before names no index: it finds the new ones as well.
    for index in ("uq_transfer_kept_bytes", "uq_transfer_kept_message"):
        op.execute(f"DROP INDEX IF EXISTS {index} -- contract: those made above do its work in both releases")
