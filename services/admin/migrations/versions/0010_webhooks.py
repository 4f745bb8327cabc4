"""Endpoints that hear of transfers by webhook, and each delivery to one."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    """CREATE TABLE webhook (
        id uuid PRIMARY KEY,
        client uuid NOT NULL REFERENCES client (id),
        url text NOT NULL,
        events text[] NOT NULL,
        establishments uuid[],
        description text NOT NULL,
        state text NOT NULL DEFAULT 'enabled',
        disabled_for text,
        secret bytea NOT NULL,
        former_secret bytea,
        former_until timestamptz,
        failing_since timestamptz,
        rests_until timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        changed_at timestamptz NOT NULL DEFAULT now()
    )""",
    "CREATE INDEX ix_webhook_client_id ON webhook (client, id)",
    """CREATE TABLE webhook_delivery (
        id uuid PRIMARY KEY,
        webhook uuid NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
        message uuid NOT NULL,
        event text NOT NULL,
        establishment uuid,
        body text NOT NULL,
        state text NOT NULL DEFAULT 'pending',
        tries integer NOT NULL DEFAULT 0,
        attempts jsonb NOT NULL DEFAULT '[]',
        created_at timestamptz NOT NULL DEFAULT now(),
        next_at timestamptz NOT NULL DEFAULT now(),
        ended_at timestamptz,
        trace text,
        CONSTRAINT uq_webhook_delivery_message UNIQUE (webhook, message)
    )""",
    "CREATE INDEX ix_webhook_delivery_webhook_id ON webhook_delivery (webhook, id)",
    "CREATE INDEX ix_webhook_delivery_pending ON webhook_delivery (webhook, next_at) WHERE state = 'pending'",
    "CREATE INDEX ix_webhook_delivery_ended ON webhook_delivery (ended_at) WHERE ended_at IS NOT NULL",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON webhook, webhook_delivery TO chartrier_admin",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
