"""How much was written on each site: kept as it is written, so that nobody reads the whole copy map to know it."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """CREATE TABLE usage (
        site text PRIMARY KEY,
        bytes bigint NOT NULL,
        copies bigint NOT NULL
    )""",
    """INSERT INTO usage
       SELECT copy.site, sum(holding.size), count(*)
       FROM copy JOIN holding ON copy.holding = holding.id AND copy.version = holding.version
       WHERE copy.state IN ('written', 'verified')
       GROUP BY copy.site""",
    "GRANT SELECT, INSERT, UPDATE ON usage TO chartrier_storage",
)


def upgrade() -> None:
    """Make the table, and count what is there."""
    for statement in STATEMENTS:
        op.execute(statement)
