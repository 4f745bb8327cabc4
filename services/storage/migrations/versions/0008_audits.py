"""Audits: what each hand has read, rounds, and runs that somebody asked for."""

from alembic import op

from shared.database.migrations import add_index

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    """CREATE TABLE IF NOT EXISTS audit_hand (
        site text NOT NULL,
        hand integer NOT NULL,
        copies bigint NOT NULL DEFAULT 0,
        bytes bigint NOT NULL DEFAULT 0,
        lost bigint NOT NULL DEFAULT 0,
        overlaid bigint NOT NULL DEFAULT 0,
        unknown bigint NOT NULL DEFAULT 0,
        recent_bytes double precision NOT NULL DEFAULT 0,
        recent_seconds double precision NOT NULL DEFAULT 0,
        PRIMARY KEY (site, hand)
    )""",
    """CREATE TABLE IF NOT EXISTS audit_round (
        site text NOT NULL,
        began_at timestamptz NOT NULL DEFAULT now(),
        ended_at timestamptz,
        counts_before jsonb NOT NULL DEFAULT '{}',
        PRIMARY KEY (site, began_at)
    )""",
    "CREATE UNIQUE INDEX IF NOT EXISTS uq_audit_round_open ON audit_round (site) WHERE ended_at IS NULL",
    """CREATE TABLE IF NOT EXISTS audit_run (
        id uuid PRIMARY KEY,
        kind text NOT NULL CHECK (kind IN ('sample', 'coherence')),
        establishment uuid,
        asked_by text NOT NULL,
        asked_at timestamptz NOT NULL DEFAULT now(),
        wanted jsonb NOT NULL,
        ended_at timestamptz
    )""",
    """CREATE TABLE IF NOT EXISTS audit_part (
        run uuid NOT NULL REFERENCES audit_run ON DELETE CASCADE,
        site text NOT NULL,
        counts jsonb NOT NULL DEFAULT '{}',
        ended_at timestamptz,
        PRIMARY KEY (run, site)
    )""",
    """CREATE TABLE IF NOT EXISTS audit_item (
        run uuid NOT NULL,
        site text NOT NULL,
        key text NOT NULL,
        holding uuid,
        version integer,
        outcome text,
        PRIMARY KEY (run, site, key),
        FOREIGN KEY (run, site) REFERENCES audit_part ON DELETE CASCADE
    )""",
    "GRANT SELECT, INSERT, UPDATE ON audit_hand, audit_round TO chartrier_storage",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON audit_run, audit_part, audit_item TO chartrier_storage",
)


def upgrade() -> None:
    """Make the tables, and index holdings by key, in the order in which sites list theirs."""
    for statement in STATEMENTS:
        op.execute(statement)
    add_index("ix_holding_key", 'holding (key COLLATE "C")')
