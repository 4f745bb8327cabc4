"""What came in in a period is counted from an index, and dry runs that were judged may be removed."""

from alembic import op

from shared.database.migrations import add_index

revision = "0005"
down_revision = "0004"

DRY_RUNS_ONLY = (
    # Whatever the code says, the trace of a deposit cannot be removed, nor a dry run that goes on.
    """CREATE OR REPLACE FUNCTION keep_deposits() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
           IF OLD.dry_run AND OLD.state = 'judged' THEN RETURN OLD; END IF;
           RAISE EXCEPTION 'only dry runs that were judged are ever removed';
       END $$""",
    """CREATE OR REPLACE TRIGGER deposit_stays BEFORE DELETE ON transfer
       FOR EACH ROW EXECUTE FUNCTION keep_deposits()""",
    "GRANT DELETE ON transfer TO chartrier_ingest",
)


def upgrade() -> None:
    """Add the indexes and the right; all of it bears being done twice."""
    for statement in DRY_RUNS_ONLY:
        op.execute(statement)
    add_index("ix_transfer_received", "transfer (establishment, received_at) INCLUDE (state) WHERE NOT dry_run")
    add_index("ix_transfer_judged", "transfer (changed_at) WHERE dry_run AND state = 'judged'")
