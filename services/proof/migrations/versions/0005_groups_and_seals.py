"""What packages are made of, the seals over them and over journals, and where each lies in its seal."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """CREATE TABLE seal (
        number bigint PRIMARY KEY CHECK (number > 0),
        at timestamptz NOT NULL,
        algorithm text NOT NULL,
        body bytea NOT NULL,
        leaves bytea NOT NULL,
        root bytea NOT NULL,
        probative boolean NOT NULL,
        token bytea,
        stamped_at timestamptz,
        certificate_ends timestamptz,
        authority text,
        serial text,
        drift interval
    )""",
    """CREATE TABLE sealed_journal (
        seal bigint NOT NULL REFERENCES seal (number),
        journal integer NOT NULL REFERENCES journal (id),
        position integer NOT NULL,
        first bigint,
        last bigint,
        head_number bigint NOT NULL,
        head_sha512 bytea NOT NULL,
        root bytea,
        PRIMARY KEY (seal, journal)
    )""",
    "CREATE INDEX ix_sealed_journal_last ON sealed_journal (journal, last)",
    """CREATE TABLE package_group (
        aip uuid NOT NULL,
        version integer NOT NULL,
        establishment uuid NOT NULL,
        transfer uuid,
        sha512 bytea,
        size bigint,
        receipts jsonb,
        stored_at timestamptz NOT NULL,
        digests bytea,
        leaf bytea,
        gone_at timestamptz,
        seal bigint REFERENCES seal (number),
        position integer,
        PRIMARY KEY (aip, version),
        CHECK ((digests IS NULL) = (leaf IS NULL)),
        CHECK (seal IS NULL OR leaf IS NOT NULL)
    )""",
    # Digests do not compress: trying costs time for each package, and gains nothing.
    "ALTER TABLE package_group ALTER COLUMN digests SET STORAGE EXTERNAL",
    "ALTER TABLE seal ALTER COLUMN leaves SET STORAGE EXTERNAL",
    """CREATE INDEX ix_package_group_ungathered ON package_group (stored_at)
       WHERE leaf IS NULL AND gone_at IS NULL""",
    "CREATE INDEX ix_package_group_unsealed ON package_group (aip, version) WHERE seal IS NULL AND leaf IS NOT NULL",
    "CREATE INDEX ix_package_group_transfer ON package_group (transfer)",
    # What a package was made of, and where it was sealed, is found out once. The triggers also stop the owner's own
    # mistakes, as those of lines do.
    """CREATE FUNCTION refuse_other_proof() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'what is proven, and by what, is never changed'; END $$""",
    """CREATE TRIGGER group_stays BEFORE UPDATE OF digests, leaf ON package_group FOR EACH ROW
       WHEN (OLD.leaf IS NOT NULL) EXECUTE FUNCTION refuse_other_proof()""",
    """CREATE TRIGGER place_stays BEFORE UPDATE OF seal, position ON package_group FOR EACH ROW
       WHEN (OLD.seal IS NOT NULL) EXECUTE FUNCTION refuse_other_proof()""",
    """CREATE TRIGGER token_stays BEFORE UPDATE OF token ON seal FOR EACH ROW
       WHEN (OLD.token IS NOT NULL) EXECUTE FUNCTION refuse_other_proof()""",
    """CREATE TRIGGER covered_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON sealed_journal
       FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_proof()""",
    "GRANT SELECT, INSERT ON seal, sealed_journal, package_group TO chartrier_proof",
    """GRANT UPDATE (token, stamped_at, certificate_ends, authority, serial, drift)
       ON seal TO chartrier_proof""",
    # Of what a rebuild has from a seal alone, storage's word comes later.
    """CREATE TRIGGER word_stays BEFORE UPDATE OF transfer, sha512, size, receipts ON package_group FOR EACH ROW
       WHEN (OLD.transfer IS NOT NULL) EXECUTE FUNCTION refuse_other_proof()""",
    """GRANT UPDATE (transfer, sha512, size, receipts, stored_at, digests, leaf, gone_at, seal, position)
       ON package_group TO chartrier_proof""",
    "CREATE INDEX ix_package_group_seal ON package_group (seal, aip, version) WHERE seal IS NOT NULL",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
