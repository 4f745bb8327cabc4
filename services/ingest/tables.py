"""Ingest's tables, as its migrations made them."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shared.database.engine import room_metadata

METADATA = room_metadata()

transfer = Table(
    "transfer",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("establishment", UUID, nullable=False),
    Column("agreement", UUID, nullable=False),
    Column("agreement_version", Integer, nullable=False),
    Column("depositor", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("filename", Text),
    Column("staging_key", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha512", Text, nullable=False),
    Column("header", JSONB(none_as_null=True)),
    Column("message_identifier", Text),
    Column("transferring_agency", Text),
    Column("findings", JSONB, nullable=False, server_default="[]"),
    Column("steps", JSONB, nullable=False, server_default="[]"),
    Column("plan", JSONB(none_as_null=True)),
    Column("inventory", LargeBinary),
    Column("aip_id", UUID),
    Column("counts", JSONB(none_as_null=True)),
    Column("built", JSONB(none_as_null=True)),
    Column("reason", Text),
    Column("reason_salt", LargeBinary),
    Column("granted_at", DateTime(timezone=True)),
    Column("reply_key", Text),
    Column("dry_run", Boolean, nullable=False, server_default="false"),
    Column("decide_by", DateTime(timezone=True)),
    Column("profile", JSONB(none_as_null=True)),
    Column("purged_by", UUID),
    Column("forgotten_by", UUID),
)

agreement = Table(
    "agreement",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("identifier", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", JSONB, nullable=False),
)

intake = Table(
    "intake",
    METADATA,
    Column("agreement", UUID, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)

upload = Table(
    "upload",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("establishment", UUID, nullable=False),
    Column("agreement", UUID, nullable=False),
    Column("depositor", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="receiving"),
    Column("metadata", Text, nullable=False),
    Column("filename", Text),
    Column("dry_run", Boolean, nullable=False),
    Column("sha512", Text),
    Column("length", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False, server_default="0"),
    Column("pieces", Integer, nullable=False, server_default="0"),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("leased_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("transfer", UUID),
    Column("problem", JSONB(none_as_null=True)),
)

upload_piece = Table(
    "upload_piece",
    METADATA,
    Column("upload", UUID, primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("id", UUID, nullable=False),
)
profile = Table(
    "profile",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("state", Text, nullable=False),
)
"""Versions of archival profiles as admin has told of them; one that it has not told of yet is approved."""

profile_content = Table(
    "profile_content",
    METADATA,
    Column("sha512", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""What admin gave of them: one row for each version that an agreement lists, of a few MiB at most."""
