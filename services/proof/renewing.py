"""Renew: before tokens end, the newest ones of many seals go under one tree, with one new token (RFC 4998, 5.2).

    plan (one snapshot, signed, committed) ──► token ──► container ──► every site

One renewal at a time: the next is planned when the last has its token, so that the number of a renewal says what was
there before it. Each step looks at what is committed, as for seals.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof import filing_queries
from services.proof import renewal_queries as queries
from services.proof.domain.hash_tree import group_value
from services.proof.domain.proofs import SEAL_TYPE, seal_signature
from services.proof.domain.renewals import TIMESTAMP, Plan, digest, renewal_body, renewal_tree, renewed_row
from services.proof.filing import Filer
from services.proof.renewal_calendar import Calendar, Lasting, batch
from services.proof.renewal_queries import Newest, Renewal
from services.proof.signing.port import ProofSigner
from services.proof.stamping.stamper import Stamped, Stamper
from shared.checksums import sha512_of
from shared.clock import now, rfc3339, to_the_millisecond
from shared.faults import fault_point
from shared.messages.journal import JournalLineV1
from shared.messaging.lease import Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish

STAMP = "stamp_renewal"
"""Have a planned renewal stamped, and its container kept; the key is its number."""

AT_ONCE = 100
"""Renewals looked at in one round."""

TOKENS = 10_000
"""Tokens under one renewal: with seals twice a day those of thirteen years."""

Cover: TypeAlias = Callable[[Transaction, int], Awaitable[None]]
"""Notes, with the number of a renewal that is kept, what it covers."""


class StampedForLess(TryAgain):
    """An authority stamped, but its token ends no later than what it is to renew: the next one is asked."""


class Renewer:
    """Makes renewals; several processes may try at once, and one of them succeeds.

    `trusted_clock` raises `TryAgain` while this machine's clock is not to be trusted (PRV-10).
    """

    def __init__(
        self,
        database: RoomDatabase,
        hands: tuple[ProofSigner, Stamper, Filer],
        calendar: Calendar,
        clock: tuple[Callable[[], None], Callable[[], datetime]] = (lambda: None, now),
        *,
        probative: bool,
    ) -> None:
        """Take the parts; `clock` is who says that this machine's may be trusted, and that clock."""
        self._database = database
        self._signer, self._stamper, self._filer = hands
        self.calendar = calendar
        self._require_clock, self._now = clock
        self._probative = probative

    async def renew_due(self, database: RoomDatabase) -> int:
        """Plan a renewal of tokens that are due, and ask for what renewals lack; return how many were planned."""
        planned = int(await self.plan() is not None)
        async with database.begin() as tx:
            await enqueue(tx, STAMP, *(Piece(str(one)) for one in await queries.unfinished(tx.connection, AT_ONCE)))
        return planned

    async def plan(self) -> int | None:
        """Fix the next renewal of tokens, all but its own; return its number, or None where nothing is due.

        None too while the last renewal has no token, or where another process was first.
        """
        async with self._database.snapshot() as connection:
            last = await queries.newest(connection)
            if last is not None and not last.stamped:
                return None
            due = await self._due(connection)
            leaves = await _leaves(connection, due)
        if not due:
            return None
        tokens = [one.head.renewed for one in due]
        rows = [renewed_row(leaf, one) for leaf, one in zip(leaves, tokens, strict=True)]

        async def cover(tx: Transaction, number: int) -> None:
            await queries.cover(tx.connection, number, tokens)

        plan = self.next_plan(last, due[0].head.algorithm, (rows, leaves))
        return await self.keep(plan, max(one.until for one in due), cover)

    async def _due(self, connection: AsyncConnection) -> Sequence[Lasting]:
        lasting = await self.calendar.lasting(connection)
        until = await self.calendar.stamped_until(connection)
        return batch(lasting, until, self._now(), self.calendar.margin, TOKENS)

    def next_plan(self, last: Newest | None, algorithm: str, leaves: tuple[Sequence[bytes], Sequence[bytes]]) -> Plan:
        """Return the plan of a renewal of tokens behind the last; `leaves`: their rows, and their values."""
        rows, values = leaves
        previous = None if last is None else last.named
        number = 1 if previous is None else previous.number + 1
        return Plan(number, TIMESTAMP, to_the_millisecond(self._now()), algorithm, previous, rows, values)

    async def keep(self, plan: Plan, outlives: datetime | None, cover: Cover) -> int | None:
        """Sign and commit a renewal; `outlives` is until when those tokens last that its own is to outlive.

        Returns its number, or None where another process was first. Raises `TryAgain` while the clock is not to be
        trusted.
        """
        self._require_clock()
        body = renewal_body(plan, probative=self._probative)
        leaves, root = await asyncio.to_thread(renewal_tree, body, plan)
        signature = await self._signer.sign(SEAL_TYPE, seal_signature(plan.number, root, sha512_of(body)))
        made = Renewal(
            number=plan.number,
            kind=plan.kind,
            at=plan.at,
            algorithm=plan.algorithm,
            body=body,
            rows=plan.table,
            leaves=leaves,
            root=root,
            signature=signature,
            probative=self._probative,
            outlives=outlives,
        )
        async with self._database.begin() as tx:
            if not await queries.keep(tx.connection, made):
                return None
            await cover(tx, made.number)
            await enqueue(tx, STAMP, Piece(str(made.number)))
        fault_point("proof.renewal.planned")
        return made.number

    async def finish(self, held: Lease) -> None:
        """Have a planned renewal stamped, and filed. Raises `TryAgain` while no authority, or staging, answers."""
        number = int(held.key)
        async with self._database.reading() as connection:
            planned = await queries.find(connection, number)
            filed = await filing_queries.is_filed(connection, "renewal", number)
        if planned is None:
            raise AssertionError(f"renewal {number} was never planned")
        if planned.token is None:
            await self._stamp(planned)
        if not filed:
            await self._filer.file("renewal", number)
        async with self._database.begin() as tx:
            await finish(tx, held)

    async def _stamp(self, planned: Renewal) -> None:
        self._require_clock()
        stamped = await self._stamper.stamp(planned.root, planned.algorithm)
        until = self.calendar.until(stamped.token, stamped.certificate_ends)
        if planned.outlives is not None and until <= planned.outlives:
            raise StampedForLess(f"renewal {planned.number}: {stamped.authority} stamps until {rfc3339(until)}")
        fault_point("proof.renewal.stamped")
        async with self._database.begin() as tx:
            if await queries.note_token(tx.connection, planned.number, stamped.kept()):
                tx.journal(_line(planned, stamped))
        fault_point("proof.renewal.noted")


async def _leaves(connection: AsyncConnection, due: Sequence[Lasting]) -> list[bytes]:
    """Return the leaf of each time-stamp: a group of all its tokens so far.

    RFC 4998 asks for the newest alone; BouncyCastle (1.72) looks for those before it too.
    """
    algorithm = due[0].head.algorithm if due else ""
    renewals = await queries.covering(connection, [one.head.renewed for one in due])
    wanted = {*renewals, *(one for some in renewals.values() for one in some)}
    found = {one: digest(algorithm, token) async for one, token, _ in queries.tokens(connection, list(wanted))}
    return [
        group_value([found[one] for one in (each.head.renewed, *renewals[each.head.renewed])], algorithm)
        for each in due
    ]


def _line(planned: Renewal, stamped: Stamped) -> JournalLineV1:
    return JournalLineV1(
        kind="events",
        action="renewal.stamped",
        actor="room:proof",
        object=f"renewal:{planned.number}",
        details={
            "kind": planned.kind,
            "algorithm": planned.algorithm,
            "leaves": planned.rows.count(b"\n"),
            "root": planned.root.hex(),
            "sha512": planned.named.sha512,
            "authority": stamped.authority,
            "serial": str(stamped.serial),
            "stamped_at": rfc3339(stamped.at),
        },
    )
