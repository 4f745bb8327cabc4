"""Issue receipts: for each transfer that was accepted, what the archive answers for from then on, signed.

    transfer.completed.v1 ──► a piece of work for many ──► group, copies, lines ──► signed ──► kept once

A transfer whose package nobody has read yet holds up no other: what can be issued is, and the work comes again for
the rest. What was issued once is given again for ever.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from services.proof import receipt_queries as queries
from services.proof.domain.receipts import RECEIPT_TYPE, PlacedLine, Received, accepted_at, receipt_payload
from services.proof.receipt_queries import Issued
from services.proof.signing.port import ProofSigner
from shared.checksums import sha512_of
from shared.clock import now, to_the_millisecond
from shared.faults import fault_point
from shared.messages.ingest import TransferCompletedV1
from shared.messages.journal import JournalLineV1
from shared.messaging.lease import Lane, Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import confirm, enqueue, finish

log = logging.getLogger(__name__)

ISSUE = "issue_receipts"
"""Issue the receipts of some transfers."""

TRANSFERS = 50
"""Transfers in one piece of work."""

PATIENCE = 3
"""Attempts, some seconds in all, before it is doubted that a package will be told of."""

ISSUED = "receipt.issued"


class NotYet(TryAgain):
    """Of some transfers it is not known yet what their packages are made of, or where their lines stand."""


async def take_accepted(tx: Transaction, messages: Sequence[TransferCompletedV1]) -> None:
    """Ask for the receipts of transfers that were accepted."""
    pieces = []
    for start in range(0, len(messages), TRANSFERS):
        some = messages[start : start + TRANSFERS]
        cause = some[0].message_id
        named = [str(message.transfer_id) for message in some]
        pieces.append(Piece(str(cause), {"transfers": named}, cause, lane=Lane.BACKGROUND))
    await enqueue(tx, ISSUE, *pieces)


async def ask_for(tx: Transaction, transfer: UUID) -> None:
    """Ask for one receipt: of a transfer that was accepted before there were any, or whose receipt a rebuild lost."""
    await enqueue(tx, ISSUE, Piece(f"asked/{transfer}", {"transfers": [str(transfer)]}, lane=Lane.BACKGROUND))


class Issuer:
    """Issues receipts; `trusted_clock` raises `TryAgain` while this machine's clock is not to be trusted (PRV-10).

    `adopt` looks for packages that proof was not told of: those stored while a release before was replaced, say.
    """

    def __init__(
        self,
        database: RoomDatabase,
        signer: ProofSigner,
        trusted_clock: Callable[[], None],
        adopt: Callable[[RoomDatabase], Awaitable[int]],
        *,
        probative: bool,
    ) -> None:
        self._database = database
        self._adopt = adopt
        self._signer = signer
        self._require_clock = trusted_clock
        self._probative = probative

    async def issue(self, held: Lease) -> None:
        """Issue the receipts of a piece of work. Raises `NotYet` for some, `TryAgain` while the key is away."""
        self._require_clock()
        wanted = [UUID(one) for one in held.payload["transfers"]]
        async with self._database.snapshot() as connection:
            there = await queries.issued(connection, wanted)
            left = [one for one in wanted if one not in there]
            packages = await queries.received(connection, left)
            lines = await queries.lines_of(connection, left)
        gone = {one for one, package in packages.items() if package is None}
        if gone:
            log.warning("no receipt of what was purged before", extra={"transfers": sorted(map(str, gone))})
        made = [
            receipt
            for package in packages.values()
            if package is not None and (receipt := await self._made(package, lines[package.transfer])) is not None
        ]
        await self._keep(held, made)
        waiting = set(left) - gone - {one.transfer for one in made}
        if waiting:
            await self._look_for(held, waiting)
            raise NotYet(f"{len(waiting)} transfers, the first {min(waiting)}")
        async with self._database.begin() as tx:
            await finish(tx, held)

    async def _look_for(self, held: Lease, waiting: set[UUID]) -> None:
        """Have packages looked for of which proof knows nothing by now: what is only under way is told of sooner."""
        if held.attempts < PATIENCE:
            return
        async with self._database.reading() as connection:
            known = await queries.known(connection, list(waiting))
        if waiting - known:
            await self._adopt(self._database)

    async def _made(self, package: Received, lines: Sequence[PlacedLine]) -> Issued | None:
        accepted = accepted_at(lines)
        if accepted is None:
            return None
        at = to_the_millisecond(now())
        payload = receipt_payload(package, lines, accepted, at, probative=self._probative)
        body = await self._signer.sign(RECEIPT_TYPE, payload)
        return Issued(package.transfer, package.aip, package.establishment, at, body)

    async def _keep(self, held: Lease, made: Sequence[Issued]) -> None:
        async with self._database.begin() as tx:
            await confirm(tx, held)
            new = await queries.keep(tx.connection, made)
            for one in made:
                if one.transfer in new:
                    tx.journal(_line(one))
        fault_point("proof.receipt.kept")


def _line(receipt: Issued) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action=ISSUED,
        actor="room:proof",
        # Not as a line of the transfer: what a receipt names as recorded ends with the acceptance.
        object=f"transfer:{receipt.transfer}",
        establishment=receipt.establishment,
        details={"aip": str(receipt.aip), "sha512": sha512_of(receipt.body.encode())},
    )
