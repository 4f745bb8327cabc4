"""Archival profiles: by which version a transfer was judged, which are withdrawn, and what they contain."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    "ALTER TABLE transfer ADD COLUMN profile jsonb",
    "CREATE TABLE profile (id uuid PRIMARY KEY, revision integer NOT NULL, state text NOT NULL)",
    "CREATE TABLE profile_content (sha512 text PRIMARY KEY, content bytea NOT NULL)",
    "GRANT SELECT, INSERT, UPDATE ON profile TO chartrier_ingest",
    "GRANT SELECT, INSERT ON profile_content TO chartrier_ingest",
)


def upgrade() -> None:
    """Add them; what was judged before was judged by no profile."""
    for statement in STATEMENTS:
        op.execute(statement)
