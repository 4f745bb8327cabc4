"""Renewals: of tokens before they end, of trees before their algorithm falls, and what each covers."""

from alembic import op

revision = "0008"
down_revision = "0007"

_NEVER = "EXECUTE FUNCTION refuse_other_proof()"

STATEMENTS = (
    """CREATE TABLE renewal (
        number bigint PRIMARY KEY CHECK (number > 0),
        kind text NOT NULL CHECK (kind IN ('timestamp', 'tree')),
        at timestamptz NOT NULL,
        algorithm text NOT NULL,
        body bytea NOT NULL,
        rows bytea NOT NULL,
        leaves bytea NOT NULL,
        root bytea NOT NULL,
        signature text NOT NULL,
        probative boolean NOT NULL,
        outlives timestamptz,
        token bytea,
        token_at timestamptz,
        stamped_at timestamptz,
        certificate_ends timestamptz,
        authority text,
        serial text,
        drift interval
    )""",
    """CREATE TABLE renewed (
        kind text NOT NULL CHECK (kind IN ('seal', 'renewal')),
        number bigint NOT NULL,
        renewal bigint NOT NULL REFERENCES renewal (number),
        position integer NOT NULL,
        PRIMARY KEY (kind, number, renewal)
    )""",
    "CREATE INDEX ix_renewed_renewal ON renewed (renewal)",
    """CREATE TABLE tree_campaign (
        number bigint PRIMARY KEY CHECK (number > 0),
        algorithm text NOT NULL,
        through bigint NOT NULL,
        began_at timestamptz NOT NULL DEFAULT now(),
        ended_at timestamptz
    )""",
    # One at a time: what is read for one tree is read once.
    "CREATE UNIQUE INDEX ix_tree_campaign_under_way ON tree_campaign ((true)) WHERE ended_at IS NULL",
    """CREATE TABLE renewed_package (
        algorithm text NOT NULL,
        aip uuid NOT NULL,
        version integer NOT NULL,
        files bytea,
        digests bytea,
        leaf bytea,
        renewal bigint REFERENCES renewal (number),
        position integer,
        read_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (algorithm, aip, version),
        FOREIGN KEY (aip, version) REFERENCES package_group (aip, version),
        CHECK ((renewal IS NULL) = (leaf IS NULL) AND (leaf IS NULL) = (digests IS NULL))
    )""",
    "CREATE INDEX ix_renewed_package_version ON renewed_package (aip, version)",
    "CREATE INDEX ix_renewed_package_renewal ON renewed_package (renewal)",
    """CREATE INDEX ix_renewed_package_read ON renewed_package (algorithm, aip, version)
       WHERE renewal IS NULL AND files IS NOT NULL""",
    """CREATE TABLE renewed_lines (
        journal integer NOT NULL REFERENCES journal (id),
        first bigint NOT NULL,
        last bigint NOT NULL,
        renewal bigint NOT NULL REFERENCES renewal (number),
        algorithm text NOT NULL,
        root bytea NOT NULL,
        digests bytea NOT NULL,
        position integer NOT NULL,
        PRIMARY KEY (algorithm, journal, first)
    )""",
    "CREATE INDEX ix_renewed_lines_journal ON renewed_lines (journal, first)",
    # Digests do not compress: trying costs time for each, and gains nothing.
    "ALTER TABLE renewal ALTER COLUMN leaves SET STORAGE EXTERNAL",
    "ALTER TABLE renewed_package ALTER COLUMN files SET STORAGE EXTERNAL, ALTER COLUMN digests SET STORAGE EXTERNAL",
    "ALTER TABLE renewed_lines ALTER COLUMN digests SET STORAGE EXTERNAL",
    f"""CREATE TRIGGER renewal_token_stays BEFORE UPDATE OF token ON renewal FOR EACH ROW
       WHEN (OLD.token IS NOT NULL) {_NEVER}""",
    f"""CREATE TRIGGER renewed_package_stays BEFORE UPDATE ON renewed_package FOR EACH ROW
       WHEN (OLD.renewal IS NOT NULL) {_NEVER}""",
    f"""CREATE TRIGGER renewal_stays BEFORE UPDATE OF number, kind, at, algorithm, body, rows, leaves, root,
       signature, probative, outlives OR DELETE OR TRUNCATE ON renewal FOR EACH STATEMENT {_NEVER}""",
    f"""CREATE TRIGGER renewed_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON renewed
       FOR EACH STATEMENT {_NEVER}""",
    f"""CREATE TRIGGER renewed_lines_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON renewed_lines
       FOR EACH STATEMENT {_NEVER}""",
    f"""CREATE TRIGGER campaign_stays BEFORE UPDATE OF number, algorithm, through OR DELETE OR TRUNCATE
       ON tree_campaign FOR EACH STATEMENT {_NEVER}""",
    "GRANT SELECT, INSERT ON renewal, renewed, tree_campaign, renewed_package, renewed_lines TO chartrier_proof",
    """GRANT UPDATE (token, token_at, stamped_at, certificate_ends, authority, serial, drift)
       ON renewal TO chartrier_proof""",
    "GRANT UPDATE (ended_at) ON tree_campaign TO chartrier_proof",
    "GRANT UPDATE (files, digests, leaf, renewal, position) ON renewed_package TO chartrier_proof",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
