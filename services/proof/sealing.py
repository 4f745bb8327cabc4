"""Seal: all journal heads and the packages of a day under one root, stamped by an outside authority.

    plan (one snapshot, signed, committed) ──► token (queued, never skipped) ──► container ──► every site

Seals chain by their plans: an outage of the authorities delays tokens and nothing else. Each step looks at what is
committed, so that whoever goes on after a crash, or beside another, comes to the same end.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof import anchor_queries, filing_queries
from services.proof import seal_queries as queries
from services.proof.domain.proofs import SEAL_TYPE, Before, seal_body, seal_signature
from services.proof.domain.sealing import Sheet, Standing
from services.proof.filing import Filer
from services.proof.seal_container import container
from services.proof.seal_queries import Mark, Seal
from services.proof.signing.port import ProofSigner
from services.proof.stamping.stamper import Stamped, Stamper
from shared.checksums import sha512_of
from shared.clock import now, rfc3339, to_the_millisecond
from shared.faults import fault_point
from shared.messages.journal import JournalLineV1
from shared.messaging.lease import Lease, Piece
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import enqueue, finish

STAMP = "stamp_seal"
"""Have a planned seal stamped, and its container kept; the key is its number."""

AT_ONCE = 100
"""Seals looked at in one round: more wait only after months without any authority."""

MONTH, YEAR, NO_AGE = timedelta(days=30), timedelta(days=365), timedelta(0)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Planned:
    """A seal that was fixed; a full one leaves packages to the next."""

    number: int
    is_full: bool


class Sealer:
    """Makes seals, one each `period`; several processes may try at once, and one of them succeeds.

    `trusted_clock` raises `TryAgain` while this machine's clock is not to be trusted (PRV-10).
    """

    def __init__(
        self,
        database: RoomDatabase,
        hands: tuple[ProofSigner, Stamper, Filer],
        trusted_clock: Callable[[], None],
        period: timedelta,
        *,
        probative: bool,
    ) -> None:
        self._database = database
        self._signer, self._stamper, self._filer = hands
        self._require_clock = trusted_clock
        self._period = period
        self._probative = probative

    async def seal_due(self, database: RoomDatabase) -> int:
        """Plan a seal where a period is over, and ask for what its seals still lack; return how many were planned."""
        async with database.reading() as connection:
            last = await queries.newest(connection)
        planned = 0
        if last is None or now() - last.at >= self._period:
            made = await self.plan(self._period)
            while made is not None:
                planned += 1
                # What a full one left comes under the next at once.
                made = await self.plan() if made.is_full else None
        async with database.begin() as tx:
            await enqueue(tx, STAMP, *(Piece(str(one)) for one in await queries.unfinished(tx.connection, AT_ONCE)))
        return planned

    async def plan(self, age: timedelta = NO_AGE) -> Planned | None:
        """Fix the next seal, all but its token; None where another was first, or the last is younger than `age`.

        A journal with a hole is sealed by its head alone, and told of. Raises `TryAgain` while the clock is not to be
        trusted.
        """
        self._require_clock()
        async with self._database.snapshot() as connection:
            last = await queries.newest(connection)
            at = to_the_millisecond(now())
            if last is not None and at - last.at < age:
                return None
            before = await _before(connection, last, at)
            sheet = await _sheet(connection)
        number = 1 if last is None else last.number + 1
        body = seal_body(number, at, before, sheet.tables(), probative=self._probative)
        leaves, root = await asyncio.to_thread(sheet.tree, body)
        signature = await self._signer.sign(SEAL_TYPE, seal_signature(number, root, sha512_of(body)))
        made = Seal(number, at, body, sheet.heads, leaves, root, signature, None)
        return Planned(number, sheet.is_full) if await self._keep(made, sheet) else None

    async def _keep(self, made: Seal, sheet: Sheet) -> bool:
        async with self._database.begin() as tx:
            if not await queries.keep(tx.connection, made, len(sheet.holed), probative=self._probative):
                return False
            for one in sheet.holed:
                log.error("a journal lacks lines, and is sealed by its head alone", extra={"journal": one.name})
                tx.journal(_hole(made.number, one))
            await queries.cover_journals(tx.connection, made.number, sheet.covered)
            keys = sheet.positions()
            if await queries.cover_packages(tx.connection, made.number, keys) != len(keys):
                raise AssertionError(f"seal {made.number}: a package was covered by another seal meanwhile")
            await enqueue(tx, STAMP, Piece(str(made.number)))
        fault_point("proof.seal.planned")
        return True

    async def finish(self, held: Lease) -> None:
        """Have a planned seal stamped, and filed. Raises `TryAgain` while no authority, or staging, answers."""
        number = int(held.key)
        async with self._database.reading() as connection:
            planned = await queries.find(connection, number)
            filed = await filing_queries.is_filed(connection, "seal", number)
        if planned is None:
            raise AssertionError(f"seal {number} was never planned")
        if planned.token is None:
            await self._stamp(planned)
        if not filed:
            await self._filer.file("seal", number)
        async with self._database.begin() as tx:
            await finish(tx, held)

    async def _stamp(self, planned: Seal) -> None:
        self._require_clock()
        stamped = await self._stamper.stamp(planned.root, "sha512")
        fault_point("proof.seal.stamped")
        async with self._database.begin() as tx:
            if await queries.note_token(tx.connection, planned.number, stamped.kept()):
                tx.journal(_line(planned, stamped))
        fault_point("proof.seal.noted")


async def seal_content(database: RoomDatabase, number: int) -> AsyncIterator[bytes]:
    """Return the container of a seal; raises `LookupError` where there is none, or no token yet."""
    async with database.reading() as connection:
        found = await queries.find(connection, number)
    if found is None or found.token is None:
        raise LookupError(f"seal {number} is not stamped")
    return container(database, found)


async def _before(connection: AsyncConnection, last: Mark | None, at: datetime) -> Before:
    anchor = await anchor_queries.newest(connection)
    return Before(
        previous=None if last is None else last.named,
        month_before=await queries.newest_before(connection, at, MONTH),
        year_before=await queries.newest_before(connection, at, YEAR),
        anchor=None if anchor is None else anchor.named,
    )


async def _sheet(connection: AsyncConnection) -> Sheet:
    standings = await queries.standings(connection)
    moved = [one for one in standings if one.head.number > one.sealed]
    digests = await queries.line_digests(connection, moved)
    sheet = await asyncio.to_thread(Sheet, standings, digests)
    async with aclosing(queries.packages(connection, None)) as packages:
        async for package in packages:
            sheet.add(package)
            if sheet.is_full:
                break
    return sheet


def _line(planned: Seal, stamped: Stamped) -> JournalLineV1:
    return JournalLineV1(
        kind="events",
        action="seal.stamped",
        actor="room:proof",
        object=f"seal:{planned.number}",
        details={
            "root": planned.root.hex(),
            "sha512": planned.named.sha512,
            "authority": stamped.authority,
            "serial": str(stamped.serial),
            "stamped_at": rfc3339(stamped.at),
            "drift_milliseconds": round(stamped.drift * 1000),
        },
    )


def _hole(seal: int, journal: Standing) -> JournalLineV1:
    return JournalLineV1(
        kind="events",
        action="seal.lines_missing",
        actor="room:proof",
        outcome="ko",
        object=f"journal:{journal.name}",
        details={"seal": seal, "after": journal.sealed, "head": journal.head.number},
    )
