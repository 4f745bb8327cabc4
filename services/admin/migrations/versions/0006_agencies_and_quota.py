"""Agreements name the agencies they know, and how much they take in all."""

from alembic import op

revision = "0006"
down_revision = "0005"

LISTS = ("archival_agencies", "transferring_agencies", "originating_agencies", "submission_agencies")


def upgrade() -> None:
    """Add the columns; by default they say nothing, as agreements did before."""
    for name in LISTS:
        op.execute(f"ALTER TABLE agreement_version ADD COLUMN {name} text[] NOT NULL DEFAULT '{{}}'")
    op.execute("ALTER TABLE agreement_version ADD COLUMN quota_bytes bigint")
