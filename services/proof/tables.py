"""The tables of proof; `line` and `batch` are append-only by right of the database role."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    Interval,
    LargeBinary,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shared.database.engine import room_metadata

METADATA = room_metadata()

journal = Table(
    "journal",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("establishment", UUID),
    Column("number", BigInteger, nullable=False),
    Column("sha512", LargeBinary, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)
"""The head of each journal: only a shortcut, everything in it can be found again from the lines."""

line = Table(
    "line",
    METADATA,
    Column("journal", Integer, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("transfer_id", UUID),
    Column("sha512", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""The lines: `body` is the canonical JSON that `sha512` is the digest of (docs/journal-format.md)."""

sender = Table(
    "sender",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("batch", BigInteger, nullable=False),
    Column("sha512", LargeBinary, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)
"""The last batch kept of each sender."""

batch = Table(
    "batch",
    METADATA,
    Column("sender", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("sha512", LargeBinary, nullable=False),
    Column("kept_at", DateTime(timezone=True), nullable=False),
)
"""Every batch kept, so that a second one under the same number is told from a repetition."""

pending_batch = Table(
    "pending_batch",
    METADATA,
    Column("sender", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("sha512", LargeBinary, nullable=False),
    Column("message_id", UUID, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
)
"""Batches that came before their predecessor; they wait for it."""

container = Table(
    "container",
    METADATA,
    Column("journal", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("planned_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("sha512", LargeBinary),
    Column("size", BigInteger),
    Column("closed_at", DateTime(timezone=True)),
    Column("stored_at", DateTime(timezone=True)),
)
"""Runs of lines that leave for the sites, numbered from 1 in each journal, and each where the one before ended."""

seal = Table(
    "seal",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaves", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("probative", Boolean, nullable=False),
    Column("token", LargeBinary),
    Column("stamped_at", DateTime(timezone=True)),
    Column("certificate_ends", DateTime(timezone=True)),
    Column("authority", Text),
    Column("serial", Text),
    Column("drift", Interval),
    Column("heads", LargeBinary),
    Column("signature", Text),
    Column("token_at", DateTime(timezone=True)),
    Column("holed", Integer, nullable=False, server_default="0"),
)
"""Seals: `body` is seal.json, `heads` the table of heads, `leaves` the values of the leaves, one after the other
(docs/proof-format.md)."""

sealed_journal = Table(
    "sealed_journal",
    METADATA,
    Column("seal", BigInteger, primary_key=True),
    Column("journal", Integer, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("first", BigInteger),
    Column("last", BigInteger),
    Column("head_number", BigInteger, nullable=False),
    Column("head_sha512", LargeBinary, nullable=False),
    Column("root", LargeBinary),
)
"""The lines of a journal that a seal is the first to have; its row of heads is the leaf at `position`, the tree of
the lines the next."""

package_group = Table(
    "package_group",
    METADATA,
    Column("aip", UUID, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("establishment", UUID, nullable=False),
    Column("transfer", UUID),
    Column("sha512", LargeBinary),
    Column("size", BigInteger),
    Column("receipts", JSONB),
    Column("stored_at", DateTime(timezone=True), nullable=False),
    Column("digests", LargeBinary),
    Column("leaf", LargeBinary),
    Column("gone_at", DateTime(timezone=True)),
    Column("seal", BigInteger),
    Column("position", Integer),
)
"""Versions of packages, as every site holds them: the digests of their files (64 bytes each, ascending) once METS was
read, and the leaf of the seal that has them. `gone_at` is of those that were purged before."""

anchor = Table(
    "anchor",
    METADATA,
    Column("number", BigInteger, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("sha512", LargeBinary, nullable=False),
    Column("body", Text),
)
"""Anchors: `sha512` is that of the file, `body` the file itself until every site has it (docs/proof-format.md)."""

anchored_journal = Table(
    "anchored_journal",
    METADATA,
    Column("journal", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""The last line of each journal that an anchor names."""

anchored_sender = Table(
    "anchored_sender",
    METADATA,
    Column("sender", Text, primary_key=True),
    Column("batch", BigInteger, nullable=False),
)
"""The last batch of each sender that an anchor names."""

filed = Table(
    "filed",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("sha512", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("filed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("stored_at", DateTime(timezone=True)),
)
"""Anchors, seals and renewals as they leave for the sites; stored when every site has given them back whole."""

receipt = Table(
    "receipt",
    METADATA,
    Column("transfer", UUID, primary_key=True),
    Column("aip", UUID, nullable=False),
    Column("establishment", UUID, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("body", Text, nullable=False),
)
"""Receipts of transfers: `body` is the signed form (docs/proof-format.md)."""

statement = Table(
    "statement",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("aip", UUID, nullable=False),
    Column("version", Integer, nullable=False),
    Column("establishment", UUID, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("asked_by", Text, nullable=False),
    Column("done_at", DateTime(timezone=True)),
    Column("facts", LargeBinary),
    Column("signed", Text),
)
"""Statements that somebody asked for: `facts` is the canonical JSON that `signed` (JWS) says, once it is made."""

attestation = Table(
    "attestation",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("aip", UUID, nullable=False),
    Column("version", Integer, nullable=False),
    Column("establishment", UUID, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("asked_by", Text, nullable=False),
    Column("refused", JSONB(none_as_null=True)),
    Column("facts", JSONB(none_as_null=True)),
    Column("pdf", LargeBinary),
    Column("sha512", LargeBinary),
    Column("issued_at", DateTime(timezone=True)),
)
"""Attestations that somebody asked for: the signed PDF and the facts in it once it is issued, or why it is not."""

elimination = Table(
    "elimination",
    METADATA,
    Column("order_id", UUID, primary_key=True),
    Column("aip", UUID, nullable=False),
    Column("establishment", UUID, nullable=False),
    Column("purged_at", DateTime(timezone=True), nullable=False),
    Column("facts", JSONB, nullable=False),
)
"""Orders that were carried out on every site, as storage told: what an attestation of elimination says."""

looked_at = Table(
    "looked_at",
    METADATA,
    Column("journal", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""The last line of each journal of archives that was looked at for packages of which proof was not told."""
