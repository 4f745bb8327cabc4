"""What depositors and judges are given: receipts, statements of what was verified, attestations."""

from alembic import op

from shared.database.migrations import add_index

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    """CREATE TABLE receipt (
        transfer uuid PRIMARY KEY,
        aip uuid NOT NULL,
        establishment uuid NOT NULL,
        issued_at timestamptz NOT NULL,
        body text NOT NULL
    )""",
    "CREATE INDEX ix_receipt_aip ON receipt (aip)",
    """CREATE TABLE statement (
        id uuid PRIMARY KEY,
        aip uuid NOT NULL,
        version integer NOT NULL,
        establishment uuid NOT NULL,
        asked_at timestamptz NOT NULL DEFAULT now(),
        asked_by text NOT NULL,
        done_at timestamptz,
        facts bytea,
        signed text,
        CHECK ((done_at IS NULL) = (facts IS NULL)),
        CHECK ((done_at IS NULL) = (signed IS NULL))
    )""",
    "CREATE INDEX ix_statement_aip ON statement (aip, asked_at)",
    """CREATE TABLE attestation (
        id uuid PRIMARY KEY,
        kind text NOT NULL CHECK (kind IN ('deposit', 'integrity', 'elimination', 'communication', 'restitution')),
        subject text NOT NULL,
        aip uuid NOT NULL,
        version integer NOT NULL,
        establishment uuid NOT NULL,
        asked_at timestamptz NOT NULL DEFAULT now(),
        asked_by text NOT NULL,
        refused jsonb,
        facts jsonb,
        pdf bytea,
        sha512 bytea,
        issued_at timestamptz,
        UNIQUE (kind, subject),
        CHECK ((issued_at IS NULL) = (facts IS NULL)),
        CHECK ((issued_at IS NULL) = (pdf IS NULL)),
        CHECK ((issued_at IS NULL) = (sha512 IS NULL)),
        CHECK (issued_at IS NULL OR refused IS NULL)
    )""",
    "CREATE INDEX ix_attestation_aip ON attestation (aip, kind, asked_at)",
    # A PDF is compressed already: trying costs time for each, and gains nothing.
    "ALTER TABLE attestation ALTER COLUMN pdf SET STORAGE EXTERNAL",
    """CREATE TABLE elimination (
        order_id uuid PRIMARY KEY,
        aip uuid NOT NULL,
        establishment uuid NOT NULL,
        purged_at timestamptz NOT NULL,
        facts jsonb NOT NULL
    )""",
    "CREATE INDEX ix_elimination_aip ON elimination (aip, purged_at)",
    # What was given is never changed; the trigger also stops the owner's own mistakes.
    """CREATE TRIGGER statement_stays BEFORE UPDATE ON statement FOR EACH ROW
       WHEN (OLD.done_at IS NOT NULL) EXECUTE FUNCTION refuse_other_proof()""",
    """CREATE TRIGGER receipt_stays BEFORE UPDATE ON receipt FOR EACH ROW
       EXECUTE FUNCTION refuse_other_proof()""",
    """CREATE TRIGGER attestation_stays BEFORE UPDATE ON attestation FOR EACH ROW
       WHEN (OLD.issued_at IS NOT NULL) EXECUTE FUNCTION refuse_other_proof()""",
    "GRANT SELECT, INSERT ON receipt, attestation, elimination TO chartrier_proof",
    """GRANT UPDATE (asked_at, asked_by, refused, facts, pdf, sha512, issued_at)
       ON attestation TO chartrier_proof""",
    "GRANT SELECT, INSERT, UPDATE (done_at, facts, signed) ON statement TO chartrier_proof",
)


def upgrade() -> None:
    """Make the tables; then, beside whoever writes, the index by which a transfer's package is found."""
    for statement in STATEMENTS:
        op.execute(statement)
    add_index("ix_package_group_transfer", "package_group (transfer)")
