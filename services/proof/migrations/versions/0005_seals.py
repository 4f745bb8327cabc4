"""Groups of packages, and the seals over them and over all journals."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """CREATE TABLE package_group (
        aip uuid NOT NULL,
        version integer NOT NULL,
        establishment uuid NOT NULL,
        digests bytea,
        leaf bytea,
        stored_at timestamptz NOT NULL,
        seal bigint,
        position integer,
        PRIMARY KEY (aip, version)
    )""",
    """CREATE TABLE seal (
        number bigint PRIMARY KEY,
        at timestamptz NOT NULL,
        algorithm text NOT NULL,
        probative boolean NOT NULL,
        body bytea NOT NULL,
        leaves bytea NOT NULL,
        root bytea NOT NULL,
        token bytea,
        stamped_at timestamptz,
        authority text,
        serial text,
        drift interval,
        certificate_ends timestamptz
    )""",
    """CREATE TABLE sealed_journal (
        seal bigint NOT NULL,
        journal integer NOT NULL REFERENCES journal (id),
        position integer NOT NULL,
        first bigint,
        last bigint,
        head_number bigint NOT NULL,
        head_sha512 bytea NOT NULL,
        root bytea,
        PRIMARY KEY (seal, journal)
    )""",
    "GRANT SELECT, INSERT, UPDATE ON package_group, seal TO chartrier_proof",
    "GRANT SELECT, INSERT ON sealed_journal TO chartrier_proof",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
