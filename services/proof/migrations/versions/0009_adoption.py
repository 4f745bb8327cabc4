"""How far journals were looked through for packages that proof was not told of."""

from alembic import op

revision = "0009"
down_revision = "0007"

STATEMENTS = (
    "CREATE TABLE looked_at (journal integer PRIMARY KEY REFERENCES journal (id), number bigint NOT NULL)",
    "GRANT SELECT, INSERT, UPDATE ON looked_at TO chartrier_proof",
)


def upgrade() -> None:
    """Make the table."""
    for statement in STATEMENTS:
        op.execute(statement)
