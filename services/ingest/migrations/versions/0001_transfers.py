"""Transfers, the agreements they are judged by, and the plumbing."""

from alembic import op

from shared.database.plumbing import create_plumbing_v1

revision = "0001"
down_revision = None

TRANSFERS = """
CREATE TABLE transfer (
    id uuid PRIMARY KEY,
    establishment uuid NOT NULL,
    agreement uuid NOT NULL,
    agreement_version integer NOT NULL,
    depositor text NOT NULL,
    state text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    filename text,
    staging_key text NOT NULL,
    size bigint NOT NULL,
    sha512 text NOT NULL,
    header jsonb,
    message_identifier text,
    transferring_agency text,
    findings jsonb NOT NULL DEFAULT '[]',
    steps jsonb NOT NULL DEFAULT '[]',
    plan jsonb,
    inventory bytea,
    aip_id uuid UNIQUE,
    counts jsonb,
    built jsonb,
    reason text,
    granted_at timestamptz,
    reply_key text
)"""

STATEMENTS = (
    TRANSFERS,
    # The same bytes of the same establishment are one transfer, unless it was refused.
    "CREATE UNIQUE INDEX uq_transfer_bytes ON transfer (establishment, sha512) WHERE state <> 'rejected'",
    # An agency's message identifier names one transfer of an establishment, unless it was refused. Not one of
    # all: agencies are what a manifest says, and one town's word must not stand in another's way.
    """CREATE UNIQUE INDEX uq_transfer_message ON transfer (establishment, transferring_agency, message_identifier)
       WHERE state <> 'rejected' AND message_identifier IS NOT NULL""",
    "CREATE INDEX ix_transfer_establishment_id ON transfer (establishment, id)",
    """CREATE TABLE agreement (
        id uuid PRIMARY KEY,
        identifier text NOT NULL UNIQUE,
        version integer NOT NULL,
        body jsonb NOT NULL
    )""",
    "GRANT SELECT, INSERT, UPDATE ON transfer, agreement TO chartrier_ingest",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in (*create_plumbing_v1("ingest"), *STATEMENTS):
        op.execute(statement)
