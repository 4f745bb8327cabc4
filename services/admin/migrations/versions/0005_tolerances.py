"""Agreements say what they forgive of the grammar, whether they take unknown formats, and use the antivirus."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    # The defaults are what agreements meant before they could say, and what the release before this one means.
    "ALTER TABLE agreement_version ADD COLUMN schema_tolerances text[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE agreement_version ADD COLUMN unidentified boolean",
    "ALTER TABLE agreement_version ADD COLUMN antivirus text NOT NULL DEFAULT 'yes'",
)


def upgrade() -> None:
    """Add the columns."""
    for statement in STATEMENTS:
        op.execute(statement)
