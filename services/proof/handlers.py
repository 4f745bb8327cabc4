"""Keep what the rooms tell: each sender's batches in their order, each line once, in its journal.

Whatever the order in which batches arrive, they have their effects in the order of their numbers. A batch
that does not follow from the one we hold is refused, which is an alarm: either a sender's database was
rewound, or somebody speaks in its name.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from prometheus_client import Gauge
from sqlalchemy.dialects.postgresql import insert

from services.proof import queries
from services.proof.domain.containers import fills_one
from services.proof.domain.line import FixedLine, Head, Origin, fix, journal_name
from shared.clock import now, to_the_millisecond
from shared.database.plumbing import dead_letter, inbox
from shared.messages.journal import TRANSFER_ACCEPTED, JournalLinesV1, JournalLineV1
from shared.messages.proof import DepositRecordedV1
from shared.messaging.chain import batch_digest
from shared.messaging.lease import Piece
from shared.messaging.outcome import Rejected
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue

log = logging.getLogger(__name__)

QUEUE = "proof.keep_lines"

CLOSE = "close_journal"
"""Close the containers of one journal: all its lines, or full containers alone."""

AT_ONCE = 200
"""Waiting batches applied in one statement: bounds memory when a long gap fills."""

WAITING = Gauge(
    "chartrier_journal_waiting_batches", "Batches of a sender that wait for the one before them", ("sender",)
)
WAITING_SINCE = Gauge(
    "chartrier_journal_waiting_since_seconds",
    "Since when the oldest of them waits (Unix time; 0: none)",
    ("sender",),
)


@dataclass(slots=True)
class OpenBook:
    """What we know of the chains during one transaction: nobody else writes before it ends.

    `senders` has the head of each, and whether batches of it wait; `journals` the id and head of each.
    """

    senders: dict[str, tuple[Head, bool]]
    journals: dict[str, tuple[int, Head]] = field(default_factory=dict)


async def keep_lines(tx: Transaction, messages: Sequence[JournalLinesV1]) -> None:
    """Keep batches in their turn; one that comes too early waits, one that was kept already changes nothing.

    Raises `Rejected` for a batch whose digest or predecessor is not what it should be.
    """
    by_sender: dict[str, list[JournalLinesV1]] = {}
    for message in messages:
        digest = batch_digest(message.sender, message.batch, message.previous, message.lines)
        if message.batch < 1 or digest != message.sha512:
            raise Rejected(f"batch {message.batch} of {message.sender} is not what its digest says")
        by_sender.setdefault(message.sender, []).append(message)

    await queries.lock_writing(tx.connection)
    book = OpenBook(await queries.sender_heads(tx.connection, list(by_sender)))
    for sender, of_sender in by_sender.items():
        await _take(tx, book, sender, of_sender)


async def _take(tx: Transaction, book: OpenBook, sender: str, messages: Sequence[JournalLinesV1]) -> None:
    head, waits = book.senders[sender]
    ahead: dict[int, JournalLinesV1] = {}
    for message in sorted(messages, key=lambda message: message.batch):
        if message.batch <= head.number:
            await _same_again(tx, message)
        elif ahead.setdefault(message.batch, message).sha512 != message.sha512:
            raise Rejected(f"two batches {message.batch} of {sender}")
    ready, stranger = _run_from(head, list(ahead.values()))
    if stranger is not None:
        raise Rejected(f"batch {stranger.batch} of {sender} does not follow from the one we hold")
    if ready:
        await _keep(tx, book, ready)
    early = list(ahead.values())[len(ready) :]
    await _put_aside(tx, book, sender, early)
    if ready and waits:
        await _take_up(tx, book, sender)
    elif early:
        await show_waiting(tx, sender)


async def _same_again(tx: Transaction, message: JournalLinesV1) -> None:
    kept = await queries.batch_sha512(tx.connection, message.sender, message.batch)
    if kept != message.sha512:
        raise Rejected(f"another batch {message.batch} of {message.sender} was kept before")


async def _put_aside(tx: Transaction, book: OpenBook, sender: str, messages: Sequence[JournalLinesV1]) -> None:
    head, waits = book.senders[sender]
    for message in messages:
        if await queries.put_aside(tx.connection, message) != message.sha512:
            raise Rejected(f"another batch {message.batch} of {sender} waits already")
        log.info("batch waits", extra={"sender": sender, "batch": message.batch, "held": head.number})
    book.senders[sender] = (head, waits or bool(messages))


async def _take_up(tx: Transaction, book: OpenBook, sender: str) -> None:
    """Apply the waiting batches whose turn has come."""
    while True:
        head, _ = book.senders[sender]
        waiting = await queries.next_waiting(tx.connection, sender, head.number, AT_ONCE)
        ready, stranger = _run_from(head, waiting)
        if ready:
            await _keep(tx, book, ready)
            await queries.stop_waiting(tx.connection, sender, ready[-1].batch)
        if stranger is not None:
            await _bury(tx, stranger)
        if len(waiting) < AT_ONCE or len(ready) < AT_ONCE:
            break
    head, _ = book.senders[sender]
    rest = await show_waiting(tx, sender)
    book.senders[sender] = (head, rest > 0)


def _run_from(head: Head, waiting: Sequence[JournalLinesV1]) -> tuple[list[JournalLinesV1], JournalLinesV1 | None]:
    """Split off the batches that follow one another from `head` on, and one that should but does not."""
    ready: list[JournalLinesV1] = []
    for message in waiting:
        if message.batch != head.number + 1:
            break
        if message.previous != head.sha512:
            return ready, message
        ready.append(message)
        head = Head(message.batch, message.sha512)
    return ready, None


async def _bury(tx: Transaction, message: JournalLinesV1) -> None:
    """Dead-letter a batch that waited in vain; its delivery was acknowledged long ago, so we do it here."""
    row = {
        "message_id": message.message_id,
        "consumer": QUEUE,
        "topic": message.topic,
        "body": message.model_dump_json().encode(),
        "reason": f"batch {message.batch} of {message.sender} does not follow from the one we hold",
    }
    await tx.connection.execute(insert(dead_letter).values(row).on_conflict_do_nothing())
    # Forgotten by the inbox as any dead letter is, or it could not be replayed.
    claim = inbox.delete().where(inbox.c.message_id == message.message_id, inbox.c.consumer == QUEUE)
    await tx.connection.execute(claim)
    await queries.stop_waiting(tx.connection, message.sender, message.batch)
    log.error("waiting batch dead-lettered", extra={"sender": message.sender, "batch": message.batch})


async def _keep(tx: Transaction, book: OpenBook, messages: Sequence[JournalLinesV1]) -> None:
    """Fix the lines of consecutive batches of one sender, and say which deposits are thereby recorded."""
    wanted = {
        journal_name(line.kind, line.establishment): (line.kind, line.establishment)
        for message in messages
        for line in message.lines
    }
    unknown = {name: what for name, what in wanted.items() if name not in book.journals}
    if unknown:
        book.journals |= await queries.journal_heads(tx.connection, unknown)

    grown = {name: book.journals[name][1].number for name in wanted}
    # As the lines write it: what is said of this moment elsewhere can be found again from them.
    recorded_at = to_the_millisecond(now())
    fixed: list[FixedLine] = []
    origins: list[Origin] = []
    for message in messages:
        origin = Origin(message.sender, message.batch, message.sha512)
        origins.append(origin)
        for index, line in enumerate(message.lines):
            key, head = book.journals[journal_name(line.kind, line.establishment)]
            placed = fix(line, origin, index, head, recorded_at)
            book.journals[placed.journal] = (key, Head(placed.number, placed.sha512))
            fixed.append(placed)
    await queries.keep(tx.connection, origins, fixed, book.journals, recorded_at)
    _, waits = book.senders[origins[-1].sender]
    book.senders[origins[-1].sender] = (Head(origins[-1].batch, origins[-1].sha512), waits)
    await _close_full(tx, grown, book)
    await _tell_deposits(tx, messages, recorded_at)


async def _close_full(tx: Transaction, grown: Mapping[str, int], book: OpenBook) -> None:
    """Have journals closed that have grown by a container's lines; `grown` has where each was before."""
    full = [name for name, before in grown.items() if fills_one(before, book.journals[name][1].number)]
    await enqueue(tx, CLOSE, *(Piece(name, {"whole": False}) for name in sorted(full)))


async def _tell_deposits(tx: Transaction, messages: Sequence[JournalLinesV1], recorded_at: datetime) -> None:
    deposits = {
        deposit: message.message_id
        for message in messages
        for line in message.lines
        if line.action == TRANSFER_ACCEPTED and line.outcome == "ok" and (deposit := _deposit(line)) is not None
    }
    if not deposits:
        return
    places = await queries.positions(tx.connection, [transfer for transfer, _ in deposits])
    for (transfer, establishment), cause in deposits.items():
        told = DepositRecordedV1(
            occurred_at=recorded_at,
            transfer_id=transfer,
            establishment=establishment,
            positions=places[transfer],
        )
        tx.post(told, cause)


def _deposit(line: JournalLineV1) -> tuple[UUID, UUID] | None:
    if line.transfer_id is None or line.establishment is None:
        # Kept all the same: to refuse the batch would stop every later line of its sender.
        log.error("acceptance without transfer or establishment", extra={"object": line.object})
        return None
    return line.transfer_id, line.establishment


async def show_waiting(tx: Transaction, sender: str) -> int:
    """Set the gauges of a sender to what its waiting batches are now, and return how many there are."""
    (state,) = await queries.sender_states(tx.connection, sender)
    show_states([state])
    return state.waiting


def show_states(states: Sequence[queries.SenderState]) -> None:
    """Set the gauges of senders."""
    for state in states:
        WAITING.labels(state.name).set(state.waiting)
        WAITING_SINCE.labels(state.name).set(0 if state.waiting_since is None else state.waiting_since.timestamp())
