"""The long work of data management: load the catalogue of each stored AIP, and say so."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import UUID

from services.data_management.domain.catalogue import CataloguedAip
from services.data_management.domain.units import StandingAip
from services.data_management.queries import loading
from services.data_management.queries.scope import look_within
from services.data_management.reading import BATCH_BYTES, CatalogueReader, Part, batches
from shared.messages.data_management import AipCataloguedV1
from shared.messages.journal import JournalLineV1
from shared.messages.storage import AipStoredV1
from shared.messaging.gathering import recorder
from shared.messaging.lease import Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import finish
from shared.steps import timed

Fetch = Callable[[AipStoredV1], AbstractAsyncContextManager[AsyncIterator[bytes]]]
"""Opens the bytes of an AIP's ``catalogue.ndjson`` as storage holds them."""

Standing = Mapping[UUID, StandingAip]
"""What the catalogue holds of AIPs, by their ids."""


class CatalogueGone(Exception):
    """Storage gives this version of the AIP to nobody any more: it was purged on order."""


class CataloguedMeanwhile(TryAgain):
    """Another worker has just catalogued this AIP; the next attempt will find it."""


@dataclass(frozen=True, slots=True)
class Job:
    """An AIP to catalogue, under our lease."""

    held: Lease
    message: AipStoredV1


@dataclass(frozen=True, slots=True)
class Whole:
    """A catalogue that was read whole before anything of it is written."""

    message: AipStoredV1
    parts: tuple[Part, ...]
    found: StandingAip


class Cataloguer:
    """Loads catalogues; nothing of one counts before all of it is there.

    Small ones, as nearly all are, are read whole and loaded many in one transaction. A large one streams
    through a transaction of its own.
    """

    def __init__(self, database: RoomDatabase, fetch: Fetch) -> None:
        self._database = database
        self._fetch = fetch
        self._together = recorder(database, load_together)

    async def catalogue(self, held: Lease) -> None:
        """Load the catalogue of a stored AIP and say so; loaded before, only say so again; purged before, nothing."""
        job = Job(held, AipStoredV1.model_validate(held.payload))
        try:
            await self._catalogue(job)
        except CatalogueGone:
            async with self._database.begin() as tx:
                await finish(tx, held)

    async def _catalogue(self, job: Job) -> None:
        if job.message.catalogue.length <= BATCH_BYTES:
            with timed("data_management", "read_catalogue"):
                async with self._fetch(job.message) as chunks:
                    whole = await read_whole(job.message, chunks)
            with timed("data_management", "load_catalogue"):
                await self._together.add((job, whole))
        else:
            with timed("data_management", "stream_catalogue"):
                await self._stream(job)

    async def _stream(self, job: Job) -> None:
        message = job.message
        async with self._database.begin() as tx:
            async with self._fetch(message) as chunks:
                found, is_new = await load_stream(tx, message, chunks)
            if is_new:
                _note(tx, message, found)
            _tell(tx, job, found)
            await finish(tx, job.held)


async def read_whole(message: AipStoredV1, chunks: AsyncIterator[bytes]) -> Whole:
    """Read a small catalogue whole."""
    reader = CatalogueReader(message)
    parts = [reader.read(lines) async for lines in batches(chunks, message)]
    return Whole(message, tuple(part for part in parts if part is not None), reader.end())


async def load_together(tx: Transaction, jobs: Sequence[tuple[Job, Whole]]) -> list[None]:
    """Load several catalogues in one transaction, and say so of each."""
    due, standing = await load_wholes(tx, [whole for _, whole in jobs])
    for whole in due:
        _note(tx, whole.message, whole.found)
    for job, _ in jobs:
        _tell(tx, job, standing[job.message.aip_id])
    await finish(tx, *(job.held for job, _ in jobs))
    return [None] * len(jobs)


async def load_wholes(tx: Transaction, wholes: Sequence[Whole]) -> tuple[list[Whole], Standing]:
    """Load those of these catalogues that do not stand yet; return them, and what stands of all of them then."""
    await look_within(tx.connection, {whole.message.establishment for whole in wholes})
    standing = await loading.standing_aips(tx.connection, [whole.message.aip_id for whole in wholes])
    due = [whole for whole in wholes if _is_due(whole.message, standing)]
    await _enter(tx, [(whole.message, whole.parts[0].aip) for whole in due], standing)
    await loading.add_parts(tx.connection, [part for whole in due for part in whole.parts])
    return due, {**standing, **{whole.message.aip_id: whole.found for whole in due}}


async def load_stream(
    tx: Transaction, message: AipStoredV1, chunks: AsyncIterator[bytes]
) -> tuple[StandingAip, bool]:
    """Load a large catalogue as it comes; return what stands of it then, and whether that is new."""
    await look_within(tx.connection, [message.establishment])
    standing = await loading.standing_aips(tx.connection, [message.aip_id])
    if not _is_due(message, standing):
        return standing[message.aip_id], False
    reader = CatalogueReader(message)
    await _load_parts(tx, message, (reader.read(lines) async for lines in batches(chunks, message)), standing)
    return reader.end(), True


async def _load_parts(
    tx: Transaction, message: AipStoredV1, parts: AsyncIterator[Part | None], standing: Standing
) -> None:
    entered = False
    async for part in parts:
        if part is None:
            continue
        if not entered:
            await _enter(tx, [(message, part.aip)], standing)
            entered = True
        await loading.add_parts(tx.connection, [part])


def _is_due(message: AipStoredV1, standing: Standing) -> bool:
    stands = standing.get(message.aip_id)
    return stands is None or (stands.version < message.version and not stands.purged)


async def _enter(tx: Transaction, found: Sequence[tuple[AipStoredV1, CataloguedAip]], standing: Standing) -> None:
    """Enter AIPs, each in the place of an older version of it. Raises `CataloguedMeanwhile`."""
    if len({message.aip_id for message, _ in found}) < len(found):
        # Two versions of one AIP in one round: one after the other, then.
        raise CataloguedMeanwhile("two versions of one AIP at once")
    for message, _ in found:
        if message.aip_id in standing:
            await loading.remove_aip(tx.connection, message.aip_id)
    entered = await loading.add_aips(
        tx.connection, [(aip, message.version, message.catalogue.sha512) for message, aip in found]
    )
    late = [str(message.aip_id) for message, _ in found if message.aip_id not in entered]
    if late:
        raise CataloguedMeanwhile(f"aip {', '.join(late)}")


def _note(tx: Transaction, message: AipStoredV1, found: StandingAip) -> None:
    tx.journal(
        JournalLineV1(
            kind="archives",
            action="aip.catalogued",
            actor="room:data_management",
            object=f"aip:{message.aip_id}",
            establishment=message.establishment,
            transfer_id=message.transfer_id,
            details={
                "version": message.version,
                "units": found.units,
                "objects": found.objects,
                "catalogue_sha512": message.catalogue.sha512,
            },
        )
    )


def _tell(tx: Transaction, job: Job, standing: StandingAip) -> None:
    message = job.message
    told = AipCataloguedV1(
        aip_id=message.aip_id,
        transfer_id=message.transfer_id,
        establishment=message.establishment,
        version=standing.version,
        units=standing.units,
        objects=standing.objects,
    )
    tx.post(told, cause=job.held.cause)
