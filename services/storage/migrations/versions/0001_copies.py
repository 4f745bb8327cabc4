"""What is kept, where its copies are, and the plumbing."""

from alembic import op

from shared.database.plumbing import create_plumbing_v1

revision = "0001"
down_revision = None

STATEMENTS = (
    # An AIP or a record: immutable bytes under one key, the same on every site.
    """CREATE TABLE holding (
        id uuid NOT NULL,
        version integer NOT NULL,
        kind text NOT NULL CHECK (kind IN ('aip', 'record')),
        establishment uuid,
        key text NOT NULL UNIQUE,
        sha512 text NOT NULL,
        size bigint NOT NULL,
        state text NOT NULL CHECK (state IN ('storing', 'stored', 'refused')),
        facts jsonb NOT NULL,
        taken_at timestamptz NOT NULL DEFAULT now(),
        stored_at timestamptz,
        PRIMARY KEY (id, version)
    )""",
    """CREATE TABLE copy (
        holding uuid NOT NULL,
        version integer NOT NULL,
        site text NOT NULL,
        state text NOT NULL CHECK (state IN ('to_write', 'written', 'verified', 'lost')),
        version_id text,
        written_by uuid,
        written_at timestamptz,
        verified_at timestamptz,
        PRIMARY KEY (holding, version, site),
        FOREIGN KEY (holding, version) REFERENCES holding (id, version)
    )""",
    "GRANT SELECT, INSERT, UPDATE ON holding, copy TO chartrier_storage",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in (*create_plumbing_v1("storage"), *STATEMENTS):
        op.execute(statement)
