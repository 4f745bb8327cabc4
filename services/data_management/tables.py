"""Data management's tables, as its migrations made them."""

from sqlalchemy import BigInteger, Column, Date, DateTime, Integer, Table, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.database.engine import room_metadata

METADATA = room_metadata()

aip = Table(
    "aip",
    METADATA,
    Column("aip_id", UUID, primary_key=True),
    Column("establishment", UUID, primary_key=True),
    Column("transfer_id", UUID, nullable=False),
    Column("version", Integer, nullable=False),
    Column("catalogue_sha512", Text, nullable=False),
    Column("units", Integer, nullable=False),
    Column("objects", Integer, nullable=False),
    Column("head", JSONB, nullable=False),
    Column("catalogued_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("purged_by", UUID),
)
"""AIPs in the catalogue; of one that was purged the row stays, empty but for the order by which it went."""

purged_unit = Table(
    "purged_unit",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("establishment", UUID, primary_key=True),
    Column("aip_id", UUID, nullable=False),
    Column("order_id", UUID, nullable=False),
    Column("purged_at", DateTime(timezone=True), nullable=False),
)
"""Identifiers of units that were eliminated: they were given for ever, and never name anything else."""

# Its column `tsv` is the index's business: no query of ours reads it.
unit = Table(
    "unit",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("establishment", UUID, primary_key=True),
    Column("aip_id", UUID, nullable=False),
    Column("transfer_id", UUID, nullable=False),
    Column("position", Integer, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("first_day", Date),
    Column("last_day", Date),
    Column("xml_id", Text, nullable=False),
    Column("level", Text),
    Column("title", Text),
    Column("start_date", Text),
    Column("end_date", Text),
    Column("profile", Text),
    Column("parents", ARRAY(UUID), nullable=False),
    Column("identifiers", ARRAY(Text), nullable=False),
    Column("terms", ARRAY(Text), nullable=False),
    Column("description", Text),
    Column("rules", JSONB, nullable=False),
    Column("content", JSONB, nullable=False),
)

unit_child = Table(
    "unit_child",
    METADATA,
    Column("parent_id", UUID, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("establishment", UUID, primary_key=True),
    Column("unit_id", UUID, nullable=False),
)

data_object = Table(
    "object",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("establishment", UUID, primary_key=True),
    Column("aip_id", UUID, nullable=False),
    Column("transfer_id", UUID, nullable=False),
    Column("position", Integer, nullable=False),
    Column("size", BigInteger),
    Column("file_offset", BigInteger),
    Column("xml_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("group_id", UUID),
    Column("usage", Text),
    Column("physical_id", Text),
    Column("filename", Text),
    Column("path", Text),
    Column("sha512", Text),
    Column("puid", Text),
    Column("format_name", Text),
    Column("mime", Text),
    Column("declared", JSONB, nullable=False),
)

unit_object = Table(
    "unit_object",
    METADATA,
    Column("unit_id", UUID, primary_key=True),
    Column("object_id", UUID, primary_key=True),
    Column("establishment", UUID, primary_key=True),
    Column("position", Integer, nullable=False),
)
