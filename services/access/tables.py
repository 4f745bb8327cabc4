"""Access's tables, as its migrations made them."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, Table, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from shared.database.engine import room_metadata

METADATA = room_metadata()

dip = Table(
    "dip",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("establishment", UUID, nullable=False),
    Column("orderer", Text, nullable=False),
    Column("units", ARRAY(UUID), nullable=False),
    Column("state", Text, nullable=False),
    Column("ordered_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("key", Text),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("size", BigInteger),
    Column("sha512", Text),
    Column("reason", Text),
    Column("aips", ARRAY(UUID)),
)

purged_aip = Table(
    "purged_aip",
    METADATA,
    Column("aip", UUID, primary_key=True),
    Column("order_id", UUID, primary_key=True),
    Column("units", ARRAY(UUID), nullable=False),
    Column("purged_at", DateTime(timezone=True), nullable=False),
)
"""AIPs of which an order destroyed something: these units, or (none named) all."""
