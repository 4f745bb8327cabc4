"""What tests of anchors and seals stand on: a room's hands, with keys of its own and its built-in time-stamper."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from jwt import get_unverified_header
from jwt.utils import base64url_decode

from services.proof.anchoring import Anchorer, anchor_content
from services.proof.domain.hash_tree import group_value
from services.proof.domain.proofs import staging_key
from services.proof.filing import Content, Filer
from services.proof.sealing import STAMP, Sealer, seal_content
from services.proof.signing.opening import open_signer
from services.proof.signing.port import ProofSigner
from services.proof.stamping.builtin import BuiltinAuthority
from services.proof.stamping.fetching import Fetcher
from services.proof.stamping.stamper import Stamper
from services.proof.tables import package_group
from shared.messages.journal import JournalLineV1
from shared.messages.proof import ProofKind
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import DONE
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import lease
from shared.object_store.filesystem import FilesystemStore
from tests.builders.journal import Sender

PERIOD = timedelta(minutes=5)
DAY = timedelta(hours=24)
ESTABLISHMENT = UUID("01930000-0000-7000-8000-000000000001")


@dataclass
class Hands:
    """The parts that make proofs, on one database and one staging."""

    database: RoomDatabase
    staging: FilesystemStore
    filer: Filer
    anchorer: Anchorer
    sealer: Sealer
    signer: ProofSigner
    stamper: Stamper

    async def staged(self, kind: ProofKind, number: int) -> bytes:
        """Return a proof as it lies in staging."""
        return await read(self.staging, staging_key(kind, number))

    async def stamp(self) -> int:
        """Do what seals still lack; return how many there were."""
        held = await lease(self.database, [STAMP], 100)
        for one in held:
            await self.sealer.finish(one)
        return len(held)

    async def seal(self) -> int:
        """Make a seal, whole; return its number."""
        planned = await self.sealer.plan()
        assert planned is not None
        await self.stamp()
        return planned.number


def hands(database: RoomDatabase, staging: FilesystemStore, clock: Callable[[], None] = lambda: None) -> Hands:
    """Return hands whose key and authority are in memory."""
    signer = open_signer("development:")
    stamper = Stamper([BuiltinAuthority()], Fetcher())
    contents: dict[ProofKind, Content] = {
        "anchor": partial(anchor_content, database),
        "seal": partial(seal_content, database),
    }
    filer = Filer(database, staging, contents)
    anchorer = Anchorer(database, (signer, filer), clock, PERIOD, probative=False)
    sealer = Sealer(database, (signer, stamper, filer), clock, DAY, probative=False)
    return Hands(database, staging, filer, anchorer, sealer, signer, stamper)


async def nothing_to_adopt(_: RoomDatabase) -> int:
    """Look for packages that proof was not told of: there are none."""
    return 0


async def read(store: FilesystemStore, key: str) -> bytes:
    """Return an object whole."""
    return b"".join([chunk async for chunk in await store.open_range(key)])


def payload_of(jws: bytes | str) -> Any:  # noqa: ANN401 (JSON is what it is)
    """Return what a JWS says, unverified."""
    text = jws if isinstance(jws, str) else jws.decode()
    assert get_unverified_header(text)["x5c"]
    return json.loads(base64url_decode(text.split(".")[1]))


def parts_of(container: bytes) -> dict[str, bytes]:
    """Return the members of a container, in their order."""
    with tarfile.open(fileobj=io.BytesIO(container)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


async def a_package(
    database: RoomDatabase, digests: list[bytes], at: datetime, aip: UUID | None = None, version: int = 1
) -> UUID:
    """Keep the group of a package, as storage's word gives it."""
    aip, members = aip or uuid4(), sorted(digests)
    row = {
        "aip": aip,
        "version": version,
        "establishment": ESTABLISHMENT,
        "transfer": uuid4(),
        "sha512": bytes(64),
        "size": 10240,
        "receipts": [],
        "digests": b"".join(members),
        "leaf": group_value(members),
        "stored_at": at,
    }
    async with database.begin() as tx:
        await tx.connection.execute(package_group.insert().values(row))
    return aip


class Telling:
    """A room that tells lines, as proof takes them in."""

    def __init__(self, consumer: Consumer, name: str = "ingest") -> None:
        self._consumer = consumer
        self._sender = Sender(name)

    async def __call__(self, *lines: JournalLineV1) -> None:
        """Tell lines in one batch."""
        message = self._sender.says(*lines)
        delivery = Delivery(message.message_id, message.topic, message.model_dump_json().encode())
        assert await self._consumer.handle([delivery]) == [DONE]


def behind(statement: str) -> str:
    """Return a statement as only a superuser can give it: past the triggers."""
    return f"DO $$ BEGIN PERFORM set_config('session_replication_role', 'replica', true); {statement}; END $$"


EMPTY = behind(
    """TRUNCATE proof.container, proof.line, proof.journal, proof.batch, proof.sender, proof.work, proof.outbox,
       proof.anchor, proof.anchored_journal, proof.anchored_sender, proof.filed, proof.seal, proof.sealed_journal,
       proof.package_group, proof.looked_at, proof.renewal, proof.renewed, proof.tree_campaign,
       proof.renewed_package, proof.renewed_lines, proof.receipt, proof.statement, proof.attestation,
       proof.elimination"""
)
"""Everything of journals and proofs, removed."""
