"""Uploads: SIPs that come in over several requests, and the pieces of them that lie in staging."""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    """CREATE TABLE upload (
           id uuid PRIMARY KEY,
           establishment uuid NOT NULL,
           agreement uuid NOT NULL,
           depositor text NOT NULL,
           state text NOT NULL DEFAULT 'receiving'
               CHECK (state IN ('receiving', 'assembling', 'completed', 'refused', 'expired', 'terminated')),
           metadata text NOT NULL,
           filename text,
           dry_run boolean NOT NULL,
           sha512 text,
           length bigint NOT NULL CHECK (length > 0),
           received bigint NOT NULL DEFAULT 0 CHECK (received BETWEEN 0 AND length),
           pieces integer NOT NULL DEFAULT 0,
           epoch integer NOT NULL DEFAULT 0,
           leased_until timestamptz,
           created_at timestamptz NOT NULL DEFAULT now(),
           changed_at timestamptz NOT NULL DEFAULT now(),
           expires_at timestamptz NOT NULL,
           transfer uuid,
           problem jsonb
       )""",
    "CREATE INDEX ix_upload_receiving ON upload (expires_at) WHERE state = 'receiving'",
    "CREATE INDEX ix_upload_depositor ON upload (depositor) WHERE state = 'receiving'",
    "CREATE INDEX ix_upload_over ON upload (changed_at) WHERE state NOT IN ('receiving', 'assembling')",
    """CREATE TABLE upload_piece (
           upload uuid NOT NULL REFERENCES upload,
           first bigint NOT NULL,
           size bigint NOT NULL CHECK (size > 0),
           id uuid NOT NULL UNIQUE,
           PRIMARY KEY (upload, first)
       )""",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON upload TO chartrier_ingest",
    "GRANT SELECT, INSERT, DELETE ON upload_piece TO chartrier_ingest",
)


def upgrade() -> None:
    """Make the tables: the release before knows nothing of them."""
    for statement in STATEMENTS:
        op.execute(statement)
