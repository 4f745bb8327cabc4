"""The tables of admin; versions of agreements and rules are only ever added."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shared.database.engine import room_metadata

METADATA = room_metadata()


def _since(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


organisation = Table(
    "organisation",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("identifier", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("siret", Text),
    Column("department", Text),
    _since("changed_at"),
)

agreement = Table(
    "agreement",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("identifier", Text, nullable=False, unique=True),
    Column("establishment", UUID, nullable=False),
    Column("version", Integer, nullable=False),
)

agreement_version = Table(
    "agreement_version",
    METADATA,
    Column("agreement", UUID, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("match_header", Text, nullable=False),
    Column("unknown_rules", Text, nullable=False),
    Column("usages", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("formats", ARRAY(Text), nullable=False),
    Column("max_bytes", BigInteger),
    Column("max_units", BigInteger),
    Column("valid_from", Date),
    Column("valid_to", Date),
    Column("schema_tolerances", ARRAY(Text), nullable=False),
    Column("unidentified", Boolean),
    Column("antivirus", Text, nullable=False),
    Column("reply_codes", Text, nullable=False, server_default="vitam"),
    Column("archival_agencies", ARRAY(Text), nullable=False),
    Column("transferring_agencies", ARRAY(Text), nullable=False),
    Column("originating_agencies", ARRAY(Text), nullable=False),
    Column("submission_agencies", ARRAY(Text), nullable=False),
    Column("quota_bytes", BigInteger),
    Column("sandbox", Boolean, nullable=False, server_default="false"),
    Column("signatures", Text, nullable=False, server_default="ignore"),
    Column("message_signature", Text, nullable=False, server_default="ignore"),
    Column("signatures_required", Boolean, nullable=False, server_default="false"),
    Column("message_signature_required", Boolean, nullable=False, server_default="false"),
    Column("decision_days", Integer),
    Column("profiles", JSONB, nullable=False, server_default="[]"),
    Column("profile_required", Boolean, nullable=False, server_default="false"),
    Column("published_by", Text, nullable=False),
    _since("published_at"),
)

client = Table(
    "client",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("organisation", UUID),
    Column("state", Text, nullable=False, server_default="active"),
    Column("bootstrap", Boolean, nullable=False, server_default="false"),
    Column("salt", LargeBinary, nullable=False),
    Column("secret_sha256", LargeBinary, nullable=False),
    Column("former_salt", LargeBinary),
    Column("former_sha256", LargeBinary),
    Column("former_until", DateTime(timezone=True)),
    _since("created_at"),
    _since("changed_at"),
    Column("first_used_at", DateTime(timezone=True)),
)

mandate = Table(
    "mandate",
    METADATA,
    Column("client", UUID, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("establishment", UUID),
    Column("roles", ARRAY(Text), nullable=False),
)
"""Roles of a client; no establishment stands for every one."""

refusal = Table(
    "refusal",
    METADATA,
    Column("client", UUID, primary_key=True),
    Column("journaled_at", DateTime(timezone=True), nullable=False),
)

signing_key = Table(
    "signing_key",
    METADATA,
    Column("kid", Text, primary_key=True),
    Column("pkcs8", LargeBinary, nullable=False),
    Column("jwk", JSONB, nullable=False),
    _since("created_at"),
    _since("signs_from"),
    Column("retired_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)

rule = Table(
    "rule",
    METADATA,
    Column("code", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("category", Text, nullable=False),
    Column("duration", Text, nullable=False),
    Column("final_action", Text),
    _since("published_at"),
)

webhook = Table(
    "webhook",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("client", UUID, nullable=False),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("establishments", ARRAY(UUID)),
    Column("description", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="enabled"),
    Column("disabled_for", Text),
    Column("secret", LargeBinary, nullable=False),
    Column("former_secret", LargeBinary),
    Column("former_until", DateTime(timezone=True)),
    Column("failing_since", DateTime(timezone=True)),
    Column("rests_until", DateTime(timezone=True)),
    Column("prompt_owed", Integer, nullable=False, server_default="0"),
    Column("removed_at", DateTime(timezone=True)),
    _since("created_at"),
    _since("changed_at"),
)
"""Endpoints of clients; no establishments stands for all that their client's mandates cover.

One with a `removed_at` is there for the log of its deliveries alone, until that is removed too."""

webhook_delivery = Table(
    "webhook_delivery",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("webhook", UUID, nullable=False),
    Column("message", UUID, nullable=False),
    Column("event", Text, nullable=False),
    Column("establishment", UUID),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("attempts", JSONB, nullable=False, server_default="[]"),
    _since("created_at"),
    _since("asked_at"),
    _since("next_at"),
    Column("ended_at", DateTime(timezone=True)),
    Column("trace", Text),
)
"""One event for one endpoint; `message` is what its receiver knows it by, `asked_at` when it was last asked for."""

profile = Table(
    "profile",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("identifier", Text, nullable=False),
    Column("establishment", UUID),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    _since("created_at"),
)
"""Archival profiles; no establishment: the platform's. `version` is that of the newest upload, 0 before any."""

profile_version = Table(
    "profile_version",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("profile", UUID, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("entry", Text),
    Column("content", LargeBinary, nullable=False),
    Column("sha512", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("seda_versions", ARRAY(Text), nullable=False),
    Column("uploaded_by", Text, nullable=False),
    _since("uploaded_at"),
    Column("state", Text, nullable=False, server_default="draft"),
    Column("approved_by", Text),
    Column("approved_at", DateTime(timezone=True)),
    Column("declared", Text),
    Column("declared_on", Date),
    Column("withdrawn_by", Text),
    Column("withdrawn_at", DateTime(timezone=True)),
    Column("reason", Text),
)
"""Versions of profiles; what is uploaded never changes, only its state does."""

purge_order = Table(
    "purge_order",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("establishment", UUID, nullable=False),
    Column("aip", UUID, nullable=False),
    Column("units", ARRAY(UUID), nullable=False),
    Column("list_sha512", Text, nullable=False),
    Column("visa_sha512", Text, nullable=False),
    Column("ordered_at", DateTime(timezone=True), nullable=False),
    Column("ordered_by", Text, nullable=False),
)
"""Orders to destroy archives, as they were given."""
