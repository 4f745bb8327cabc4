"""Storage's tables, as its migrations made them."""

from sqlalchemy import BigInteger, Column, DateTime, Float, Integer, Table, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.database.engine import room_metadata

METADATA = room_metadata()

holding = Table(
    "holding",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("establishment", UUID),
    Column("key", Text, nullable=False),
    Column("sha512", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("taken_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("stored_at", DateTime(timezone=True)),
)

copy = Table(
    "copy",
    METADATA,
    Column("holding", UUID, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("site", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("version_id", Text),
    Column("written_by", UUID),
    Column("written_at", DateTime(timezone=True)),
    Column("verified_at", DateTime(timezone=True)),
    Column("lost_at", DateTime(timezone=True)),
    Column("overlaid_at", DateTime(timezone=True)),
    Column("unread_at", DateTime(timezone=True)),
    Column("repaired_at", DateTime(timezone=True)),
)

site = Table(
    "site",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("destroyed_at", DateTime(timezone=True)),
    Column("attested_by", Text),
)

usage = Table(
    "usage",
    METADATA,
    Column("site", Text, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("copies", BigInteger, nullable=False),
)

restore_test = Table(
    "restore_test",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("establishment", UUID, nullable=False),
    Column("aip", UUID, nullable=False),
    Column("version", Integer, nullable=False),
    Column("site", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("members", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("faults", JSONB, nullable=False),
    Column("tested_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

purge_order = Table(
    "purge_order",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("establishment", UUID, nullable=False),
    Column("aip", UUID, nullable=False),
    Column("units", ARRAY(UUID), nullable=False),
    Column("state", Text, nullable=False),
    Column("sha512", Text, nullable=False),
    Column("ordered", JSONB, nullable=False),
    Column("waits", JSONB, nullable=False, server_default="{}"),
    Column("proofs", JSONB, nullable=False, server_default="{}"),
    Column("ordered_at", DateTime(timezone=True), nullable=False),
    Column("done_at", DateTime(timezone=True)),
    Column("moved_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("reason", Text),
    Column("objects", ARRAY(UUID)),
)

audit_hand = Table(
    "audit_hand",
    METADATA,
    Column("site", Text, primary_key=True),
    Column("hand", Integer, primary_key=True),
    Column("copies", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("overlaid", BigInteger, nullable=False),
    Column("unknown", BigInteger, nullable=False),
    Column("recent_bytes", Float, nullable=False),
    Column("recent_seconds", Float, nullable=False),
)
"""What each hand has read since there are audits; the recent sums fade, and tell its speed."""

audit_round = Table(
    "audit_round",
    METADATA,
    Column("site", Text, primary_key=True),
    Column("began_at", DateTime(timezone=True), primary_key=True, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
    Column("counts_before", JSONB, nullable=False),
)

audit_run = Table(
    "audit_run",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("establishment", UUID),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("wanted", JSONB, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
)

audit_part = Table(
    "audit_part",
    METADATA,
    Column("run", UUID, primary_key=True),
    Column("site", Text, primary_key=True),
    Column("counts", JSONB, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
)

audit_item = Table(
    "audit_item",
    METADATA,
    Column("run", UUID, primary_key=True),
    Column("site", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("holding", UUID),
    Column("version", Integer),
    Column("outcome", Text),
)
