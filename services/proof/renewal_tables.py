"""The tables of renewals, beside those of `services.proof.tables`."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, Interval, LargeBinary, Table, Text, func
from sqlalchemy.dialects.postgresql import UUID

from services.proof.tables import METADATA

renewal = Table(
    "renewal",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("rows", LargeBinary, nullable=False),
    Column("leaves", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("signature", Text, nullable=False),
    Column("probative", Boolean, nullable=False),
    Column("outlives", DateTime(timezone=True)),
    Column("token", LargeBinary),
    Column("token_at", DateTime(timezone=True)),
    Column("stamped_at", DateTime(timezone=True)),
    Column("certificate_ends", DateTime(timezone=True)),
    Column("authority", Text),
    Column("serial", Text),
    Column("drift", Interval),
)
"""Renewals: `body` is renewal.json, `rows` leaves.ndjson, `outlives` the moment beyond which its token must prove
something to be of use."""

renewed = Table(
    "renewed",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("renewal", BigInteger, primary_key=True),
    Column("position", Integer, nullable=False),
)
"""Which renewals of the time-stamp cover a seal, or a renewal of trees, and as which leaf."""

tree_campaign = Table(
    "tree_campaign",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("algorithm", Text, nullable=False),
    Column("through", BigInteger, nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
)
"""Renewals of all trees up to seal `through` to another algorithm."""

renewed_package = Table(
    "renewed_package",
    METADATA,
    Column("algorithm", Text, primary_key=True),
    Column("aip", UUID, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("files", LargeBinary),
    Column("digests", LargeBinary),
    Column("leaf", LargeBinary),
    Column("renewal", BigInteger),
    Column("position", Integer),
    Column("read_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""Versions of packages read anew: `files` are the digests of the files still there (None: there is none), which its
renewal takes; then `digests` and `leaf` are those of its group there."""

renewed_lines = Table(
    "renewed_lines",
    METADATA,
    Column("algorithm", Text, primary_key=True),
    Column("journal", Integer, primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("renewal", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("digests", LargeBinary, nullable=False),
    Column("position", Integer, nullable=False),
)
"""Runs of lines whose tree was renewed: `digests` has the leaf of each line, `root` that of their tree."""
