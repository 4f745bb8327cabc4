"""Archival profiles in versions, and the agreements that list them."""

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS = (
    """CREATE TABLE profile (
        id uuid PRIMARY KEY,
        identifier text NOT NULL,
        establishment uuid REFERENCES organisation (id),
        name text NOT NULL,
        version integer NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    )""",
    # Establishments name theirs without knowing of each other's; the platform's have a name once, too.
    """CREATE UNIQUE INDEX uq_profile_identifier
       ON profile (coalesce(establishment, '00000000-0000-0000-0000-000000000000'), identifier)""",
    """CREATE TABLE profile_version (
        id uuid PRIMARY KEY,
        profile uuid NOT NULL REFERENCES profile (id),
        version integer NOT NULL,
        kind text NOT NULL,
        entry text,
        content bytea NOT NULL,
        sha512 text NOT NULL,
        size integer NOT NULL,
        seda_versions text[] NOT NULL,
        uploaded_by text NOT NULL,
        uploaded_at timestamptz NOT NULL DEFAULT now(),
        state text NOT NULL DEFAULT 'draft',
        approved_by text,
        approved_at timestamptz,
        declared text,
        declared_on date,
        withdrawn_by text,
        withdrawn_at timestamptz,
        reason text,
        CONSTRAINT uq_profile_version UNIQUE (profile, version)
    )""",
    "ALTER TABLE agreement_version ADD COLUMN profiles jsonb NOT NULL DEFAULT '[]'",
    "ALTER TABLE agreement_version ADD COLUMN profile_required boolean NOT NULL DEFAULT false",
    "GRANT SELECT, INSERT, UPDATE ON profile TO chartrier_admin",
    # What was uploaded is what was approved: nobody changes it, not even the room.
    "GRANT SELECT, INSERT ON profile_version TO chartrier_admin",
    """GRANT UPDATE (state, approved_by, approved_at, declared, declared_on, withdrawn_by, withdrawn_at, reason)
       ON profile_version TO chartrier_admin""",
)


def upgrade() -> None:
    """Make the tables; agreements made before list no profile, as they did."""
    for statement in STATEMENTS:
        op.execute(statement)
