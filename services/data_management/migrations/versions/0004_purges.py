"""What stays of what was eliminated: that an AIP was here and by which order it went, and the ids of its units."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "ALTER TABLE aip ADD COLUMN IF NOT EXISTS purged_by uuid",
    """CREATE TABLE IF NOT EXISTS purged_unit (
        id uuid NOT NULL,
        establishment uuid NOT NULL,
        aip_id uuid NOT NULL,
        order_id uuid NOT NULL,
        purged_at timestamptz NOT NULL,
        PRIMARY KEY (id, establishment)
    )""",
    "ALTER TABLE purged_unit ENABLE ROW LEVEL SECURITY",
    "DROP POLICY IF EXISTS within_scope ON purged_unit",
    """CREATE POLICY within_scope ON purged_unit USING
        ((SELECT scope_is_all()) OR establishment = ANY ((SELECT scope_list())::uuid[]))""",
    "GRANT SELECT, INSERT ON purged_unit TO chartrier_data_management",
)


def upgrade() -> None:
    """Add the column and the table, under the same lock as the rest."""
    for statement in STATEMENTS:
        op.execute(statement)
