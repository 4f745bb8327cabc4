"""What a test does with ingest: deposit, have the work done, interrupt it, look at what came of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

from sqlalchemy import select
from typing_extensions import override

from services.ingest import handlers, queries
from services.ingest.adapters.children import Children
from services.ingest.adapters.rules import RuleReferential
from services.ingest.parts import Ingest
from services.ingest.queries import Transfer
from services.ingest.reception import Parcel, receive
from services.ingest.worker import Workshop
from shared.database.plumbing import outbox
from shared.identifiers import new_id
from shared.messages.admin import AgreementV1
from shared.messages.ingest import AipBuiltV1, SipReceivedV1
from shared.messages.journal import JournalLinesV1, JournalLineV1
from shared.messages.message import Message
from shared.messaging.lease import Lease
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import lease
from shared.object_store.port import ObjectStore
from tests.builders.sips import ASip, a_sip
from tests.servers import Databases

M = TypeVar("M", bound=Message)

UNHURRIED = 3600.0
"""No check takes that long: the header is told with the verdict, however slow the machine."""


class PowerCut(Exception):
    """The process stopped here."""


class Fuse:
    """Counts the steps of some work, and cuts the power before the one asked for."""

    def __init__(self, at: int | None = None, *, after: str | None = None) -> None:
        self._at = at
        self._after = after
        self.steps: list[str] = []

    def step(self, name: str) -> None:
        self.steps.append(name)
        if len(self.steps) - 1 == self._at or self._after in self.steps[:-1]:
            raise PowerCut(name)

    def on(self, thing: object) -> Any:  # noqa: ANN401 (it stands for whatever it is given)
        """Return the real thing with every call of it as one step."""
        return _Fused(thing, self)


class _Fused:
    def __init__(self, thing: object, fuse: Fuse) -> None:
        self._thing = thing
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        call = getattr(self._thing, name)

        def stepping(*arguments: object, **named: object) -> Any:  # noqa: ANN401
            self._fuse.step(name)
            return call(*arguments, **named)

        return stepping


class FusedDatabase(RoomDatabase):
    """The real database; opening a transaction is one step, committing it another."""

    def __init__(self, real: RoomDatabase, fuse: Fuse) -> None:
        super().__init__(real.engine, real.room)
        self._fuse = fuse

    @override
    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        self._fuse.step("begin")
        async with super().begin() as tx:
            yield tx
            self._fuse.step("commit")


class WatchedDatabase(RoomDatabase):
    """The real database; something else may happen right after each commit."""

    def __init__(self, real: RoomDatabase, happen: Callable[[], Awaitable[None]]) -> None:
        super().__init__(real.engine, real.room)
        self._happen = happen

    @override
    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        async with super().begin() as tx:
            yield tx
        await self._happen()


@dataclass(frozen=True)
class Bench:
    """Ingest's parts at hand."""

    databases: Databases
    ingest: Ingest
    children: Children
    rules: RuleReferential
    folder: Path
    admin: str = ""
    """Where admin answers."""

    @property
    def database(self) -> RoomDatabase:
        return self.ingest.database

    @property
    def staging(self) -> ObjectStore:
        return self.ingest.staging

    @property
    def workshop(self) -> Workshop:
        return Workshop(self.ingest, self.children, self.rules, listening=UNHURRIED)

    def fused_workshop(self, fuse: Fuse) -> Workshop:
        """A workshop whose every step outside its own code goes through the fuse."""
        ingest = Ingest(
            FusedDatabase(self.database, fuse), self.ingest.calls, fuse.on(self.staging), self.ingest.settings
        )
        return Workshop(ingest, fuse.on(self.children), fuse.on(self.rules), listening=UNHURRIED)

    async def agreement(self, **terms: object) -> AgreementV1:
        """Publish an agreement, open to everything unless told otherwise."""
        return await self.keep(an_agreement(**terms))

    async def keep(self, agreement: AgreementV1) -> AgreementV1:
        """Hear of an agreement, or of a new version of it."""
        async with self.database.begin() as tx:
            await queries.keep_agreement(tx.connection, agreement)
        return agreement

    def sip(self, sip: ASip | None = None) -> bytes:
        return a_sip(self.folder / f"{uuid4()}.zip", sip).read_bytes()

    async def deposit(self, content: bytes | None = None, agreement: AgreementV1 | None = None) -> Transfer:
        """Take a SIP in, as a depositor's request does, and have its checks asked for."""
        content = self.sip() if content is None else content
        agreement = agreement or await self.agreement()
        parcel = Parcel(in_chunks(content), len(content), {}, "sip.zip")
        transfer, _ = await receive(self.ingest, agreement, "client:tests", parcel)
        for message in await self.told(SipReceivedV1):
            if message.transfer_id == transfer.id:
                async with self.database.begin() as tx:
                    await handlers.start_checks(tx, [message])
        return transfer

    async def lease(self, kind: str = handlers.PROCESS) -> Lease:
        """Take the one piece of work of a kind that is ready."""
        (held,) = await lease(self.database, [kind], 10)
        return held

    async def release(self) -> None:
        """Let every lease run out, as when their worker has been silent for long."""
        await self.databases.as_superuser(
            "UPDATE ingest.work SET leased_until = now() - interval '1 s', not_before = now()"
        )

    async def process(self, workshop: Workshop | None = None) -> None:
        """Do the work on the one transfer that has some."""
        await (workshop or self.workshop).process(await self.lease())

    async def sweep(self) -> None:
        await self.workshop.sweep(await self.lease(handlers.SWEEP))

    async def work(self) -> set[str]:
        return {row["kind"] for row in await self.databases.as_superuser("SELECT kind FROM ingest.work")}

    async def transfer(self, transfer_id: UUID) -> Transfer:
        async with self.database.reading() as connection:
            return (await queries.find_transfers(connection, [transfer_id]))[transfer_id]

    async def plan(self, transfer_id: UUID) -> dict[str, Any] | None:
        """Return the committed plan of a transfer's AIP."""
        async with self.database.reading() as connection:
            recipe = await queries.recipe(connection, transfer_id)
        return None if recipe is None else recipe[0]

    async def told(self, kind: type[M]) -> list[M]:
        """Return what waits in the outbox, oldest first."""
        query = select(outbox.c.body).where(outbox.c.topic == kind.topic).order_by(outbox.c.message_id)
        async with self.database.reading() as connection:
            return [kind.model_validate_json(body) for body in await connection.scalars(query)]

    async def lines(self, action: str) -> list[JournalLineV1]:
        batches = await self.told(JournalLinesV1)
        return [line for batch in batches for line in batch.lines if line.action == action]

    async def built(self, transfer_id: UUID) -> AipBuiltV1:
        """Return the one message by which this transfer's AIP was handed over."""
        (message,) = [built for built in await self.told(AipBuiltV1) if built.transfer_id == transfer_id]
        return message

    async def staged(self, key: str) -> bytes:
        return b"".join([chunk async for chunk in await self.staging.open_range(key)])

    def staged_keys(self) -> set[str]:
        """Return every file of the staging folder, the half received and the half built among them."""
        root = cast(Path, self.staging.path_of("x")).parent
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def an_agreement(**terms: object) -> AgreementV1:
    values: dict[str, object] = {
        "id": new_id(),
        "version": 1,
        "identifier": f"ACCORD-{uuid4()}",
        "name": "Accord d’essai",
        "establishment": new_id(),
        "establishment_identifier": "COMMUNE-1",
        "state": "active",
        "match_header": "record",
        "unknown_rules": "warn",
        "usages": "lenient",
        "decision": "automatic",
    }
    return AgreementV1.model_validate(values | terms)


async def in_chunks(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]
