"""Proofs leave for the sites: staged, told of, and forgotten in staging once every site has them.

    content (from this database) ──► staging ──► digest and message (committed) ──► on every site ──► staging forgets

The bytes of a proof follow from rows that were committed before: whoever stages it again writes the same.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeAlias

from services.proof import filing_queries as queries
from services.proof.domain.proofs import staging_key
from services.proof.staging import stage
from shared.checksums import Measure
from shared.faults import fault_point
from shared.messages.proof import ProofFiledV1, ProofKind
from shared.messages.storage import ProofStoredV1
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.object_store.errors import NoSuchObject, StoreError
from shared.object_store.port import ObjectStore

Content: TypeAlias = Callable[[int], Awaitable[AsyncIterator[bytes]]]
"""Gives the bytes of the proof of a number, from the database alone."""

MENDED_AT_ONCE = 100
"""Proofs looked at in staging in one round."""

YOUNG = timedelta(hours=1)
"""What was filed within it is on its way: staging is not asked for it."""


class Filer:
    """Files proofs; `contents` tells how each kind is written."""

    def __init__(self, database: RoomDatabase, staging: ObjectStore, contents: Mapping[ProofKind, Content]) -> None:
        self._database = database
        self._staging = staging
        self._contents = contents

    async def file(self, kind: ProofKind, number: int) -> None:
        """Stage a proof and have it kept, once. Raises `TryAgain` while staging is away."""
        try:
            measure = await stage(self._staging, staging_key(kind, number), self._content(kind, number))
        except StoreError as error:
            raise TryAgain(f"staging: {error}") from error
        fault_point("proof.file.staged")
        async with self._database.begin() as tx:
            if await queries.note_filed(tx.connection, kind, number, measure):
                tx.post(_message(kind, number, measure))
            is_over = await queries.is_stored(tx.connection, kind, number)
        fault_point("proof.file.told")
        if is_over:
            # Somebody was faster by far: what we staged nobody waits for.
            await self._staging.delete(staging_key(kind, number))

    def _content(self, kind: ProofKind, number: int) -> Callable[[], AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            async for chunk in await self._contents[kind](number):
                yield chunk

        return chunks

    async def forget_stored(self, tx: Transaction, messages: Sequence[ProofStoredV1]) -> None:
        """Remove from staging what every site has. Raises `TryAgain` while staging is away."""
        for message in messages:
            if not await queries.is_filed_as(tx.connection, message.kind, message.number, message.sha512):
                continue
            try:
                # Before it is noted: what was noted is never looked for again.
                await self._staging.delete(staging_key(message.kind, message.number))
            except StoreError as error:
                raise TryAgain(f"staging: {error}") from error
            await queries.note_stored(tx.connection, message.kind, message.number)

    async def mend_staging(self, database: RoomDatabase) -> int:
        """Put again into staging what storage still waits for and staging has lost; return how many there were.

        Of all that waits storage is told again: an answer may have been lost, and it gives another.
        """
        async with database.reading() as connection:
            awaited = await queries.awaited(connection, YOUNG, MENDED_AT_ONCE)
        mended = 0
        for kind, number, measure in awaited:
            key = staging_key(kind, number)
            if not await self._lies_whole(key, measure.sha512):
                await self._staging.delete(key)
                await stage(self._staging, key, self._content(kind, number))
                mended += 1
        async with database.begin() as tx:
            for kind, number, measure in awaited:
                tx.post(_message(kind, number, measure))
        return mended

    async def _lies_whole(self, key: str, sha512: str) -> bool:
        try:
            return (await self._staging.sha512(key)).sha512 == sha512
        except NoSuchObject:
            return False


def _message(kind: ProofKind, number: int, measure: Measure) -> ProofFiledV1:
    key = staging_key(kind, number)
    return ProofFiledV1(kind=kind, number=number, staging_key=key, sha512=measure.sha512, size=measure.size)
