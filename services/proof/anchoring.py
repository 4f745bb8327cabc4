"""Anchor: every few minutes, what all journals and senders have come to is signed and leaves for every site.

    heads (one snapshot) ──► signed ──► committed ──► staged and told of ──► on every site

Whoever has the database can rewrite unseen what came after the last anchor that left, and nothing before.
"""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from services.proof import anchor_queries as queries
from services.proof import seal_queries
from services.proof.anchor_queries import Anchor
from services.proof.domain.proofs import ANCHOR_TYPE, AnchorFacts, anchor_payload
from services.proof.filing import Filer
from services.proof.signing.port import ProofSigner
from shared.checksums import sha512_of
from shared.clock import now, to_the_millisecond
from shared.faults import fault_point
from shared.messaging.transaction import RoomDatabase

YOUNG, NO_AGE = timedelta(minutes=1), timedelta(0)


class Anchorer:
    """Makes anchors, one each `period`; several processes may try at once, and one of them succeeds.

    `trusted_clock` raises `TryAgain` while this machine's clock is not to be trusted (PRV-10).
    """

    def __init__(
        self,
        database: RoomDatabase,
        hands: tuple[ProofSigner, Filer],
        trusted_clock: Callable[[], None],
        period: timedelta,
        *,
        probative: bool,
    ) -> None:
        self._database = database
        self._signer, self._filer = hands
        self._require_clock = trusted_clock
        self._period = period
        self._probative = probative

    async def anchor_due(self, database: RoomDatabase) -> int:
        """File an anchor that was made and not filed, and make one where a period is over; return how many."""
        async with database.reading() as connection:
            left = await queries.unfiled(connection)
            last = await queries.newest(connection)
        if not left and last is not None and now() - last.at < self._period:
            return 0
        return await self.anchor(self._period)

    async def anchor_unless_young(self) -> int:
        """Make an anchor now, unless the last one is of this minute: somebody asked for one, and asks again."""
        return await self.anchor(YOUNG)

    async def anchor(self, age: timedelta = NO_AGE) -> int:
        """Make an anchor and file it; return 1, or 0 where another was first, or the last is younger than `age`.

        Those that were made and not filed go first: one that names what nobody else names must not be lost.
        Raises `TryAgain` while the clock is not to be trusted, or staging or the key is away.
        """
        self._require_clock()
        async with self._database.reading() as connection:
            left = await queries.unfiled(connection)
        for number in left:
            await self._filer.file("anchor", number)
        async with self._database.snapshot() as connection:
            last = await queries.newest(connection)
            if last is not None and now() - last.at < age:
                return 0
            heads = await queries.moved_journals(connection)
            senders = await queries.moved_senders(connection)
            seal = await seal_queries.newest(connection)
        facts = AnchorFacts(
            number=1 if last is None else last.number + 1,
            at=to_the_millisecond(now()),
            previous=None if last is None else last.named,
            seal=None if seal is None else seal.named,
            probative=self._probative,
            heads={name: head for name, (_, head) in heads.items()},
            senders=senders,
        )
        body = await self._signer.sign(ANCHOR_TYPE, anchor_payload(facts))
        made = Anchor(facts.number, facts.at, sha512_of(body.encode()), body)
        async with self._database.begin() as tx:
            kept = await queries.keep(tx.connection, made, heads, senders)
        fault_point("proof.anchor.kept")
        if kept:
            await self._filer.file("anchor", made.number)
        return int(kept)


async def anchor_content(database: RoomDatabase, number: int) -> AsyncIterator[bytes]:
    """Return the bytes of an anchor; raises `LookupError` where they are here no more."""
    async with database.reading() as connection:
        body = await queries.body_of(connection, number)
    if body is None:
        raise LookupError(f"anchor {number} is on the sites alone")
    return _once(body.encode())


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
