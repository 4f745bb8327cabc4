"""Organisations, agreements, clients, signing keys, rule codes, and the plumbing."""

from alembic import op

from shared.database.plumbing import create_plumbing_v1

revision = "0001"
down_revision = None

# Access codes of SEDA 0.2 and 1.0, still used with 2.x. They describe the law of 2008 (seda access code list).
ACCESS_CODES = {
    "P0Y": (38,),
    "P25Y": (39, 40, 41, 42, 43, 44, 45, 46, 47),
    "P50Y": (48, 49, 50, 51),
    "P75Y": (52, 53, 54, 55, 56, 57),
    "P100Y": (58, 59, 60),
    "P120Y": (61,),
    "unlimited": (62,),
}

STATEMENTS = (
    """CREATE TABLE organisation (
        id uuid PRIMARY KEY,
        version integer NOT NULL,
        kind text NOT NULL,
        identifier text NOT NULL CONSTRAINT uq_organisation_identifier UNIQUE,
        name text NOT NULL,
        siret text,
        department text,
        changed_at timestamptz NOT NULL DEFAULT now()
    )""",
    "CREATE INDEX ix_organisation_kind_id ON organisation (kind, id)",
    """CREATE TABLE agreement (
        id uuid PRIMARY KEY,
        identifier text NOT NULL CONSTRAINT uq_agreement_identifier UNIQUE,
        establishment uuid NOT NULL REFERENCES organisation (id),
        version integer NOT NULL
    )""",
    "CREATE INDEX ix_agreement_establishment_id ON agreement (establishment, id)",
    """CREATE TABLE agreement_version (
        agreement uuid NOT NULL REFERENCES agreement (id),
        version integer NOT NULL,
        name text NOT NULL,
        state text NOT NULL,
        match_header text NOT NULL,
        unknown_rules text NOT NULL,
        usages text NOT NULL,
        decision text NOT NULL,
        formats text[] NOT NULL,
        max_bytes bigint,
        max_units bigint,
        valid_from date,
        valid_to date,
        published_by text NOT NULL,
        published_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (agreement, version)
    )""",
    """CREATE TABLE client (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        organisation uuid REFERENCES organisation (id),
        state text NOT NULL DEFAULT 'active',
        bootstrap boolean NOT NULL DEFAULT false,
        salt bytea NOT NULL,
        secret_sha256 bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        changed_at timestamptz NOT NULL DEFAULT now(),
        first_used_at timestamptz
    )""",
    """CREATE TABLE mandate (
        client uuid NOT NULL REFERENCES client (id),
        place integer NOT NULL,
        establishment uuid REFERENCES organisation (id),
        roles text[] NOT NULL,
        PRIMARY KEY (client, place)
    )""",
    "CREATE INDEX ix_mandate_establishment ON mandate (establishment)",
    # When a refused client was last journaled; a refused stranger is the row of the nil UUID.
    "CREATE TABLE refusal (client uuid PRIMARY KEY, journaled_at timestamptz NOT NULL)",
    """CREATE TABLE signing_key (
        kid text PRIMARY KEY,
        pkcs8 bytea NOT NULL,
        jwk jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        retired_at timestamptz
    )""",
    """CREATE TABLE rule (
        code text NOT NULL,
        version integer NOT NULL,
        category text NOT NULL,
        duration text NOT NULL,
        final_action text,
        published_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (code, version)
    )""",
    *(
        "INSERT INTO rule (code, version, category, duration) "  # noqa: S608 (our own constants)
        f"VALUES ('AR{number:03}', 1, 'AccessRule', '{duration}')"
        for duration, numbers in ACCESS_CODES.items()
        for number in numbers
    ),
    "GRANT SELECT, INSERT, UPDATE ON organisation, agreement, client, refusal, signing_key TO chartrier_admin",
    # Versions are history: never changed, never removed.
    "GRANT SELECT, INSERT ON agreement_version, mandate, rule TO chartrier_admin",
)


def upgrade() -> None:
    """Make the tables, and the rule codes everybody starts with."""
    for statement in (*create_plumbing_v1("admin"), *STATEMENTS):
        op.execute(statement)
