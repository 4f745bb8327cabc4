"""Batches come twice, late, early, forged, side by side: the journals are always the same."""

import asyncio
import itertools
import json
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select

from services.proof import queries
from services.proof.domain.line import Head, journal_name
from services.proof.domain.verification import ChainCheck
from services.proof.handlers import WAITING
from services.proof.measures import measure_gaps
from services.proof.tables import journal, line, pending_batch
from shared.clock import rfc3339, to_the_millisecond
from shared.database.plumbing import outbox
from shared.identity.caller import Scope
from shared.messages.journal import TRANSFER_ACCEPTED, JournalKind, JournalLinesV1
from shared.messages.proof import DepositRecordedV1
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import DONE, Outcome, Verdict
from shared.messaging.transaction import RoomDatabase
from tests.builders.journal import Sender, a_line
from tests.servers import Databases

pytestmark = pytest.mark.integration

EVERYWHERE = Scope(None)


def delivery(message: JournalLinesV1) -> Delivery:
    return Delivery(message.message_id, message.topic, message.model_dump_json().encode())


async def deliver(consumer: Consumer, *messages: JournalLinesV1) -> list[Outcome]:
    return await consumer.handle([delivery(message) for message in messages])


async def turns(database: RoomDatabase, establishment: UUID, kind: JournalKind = "archives") -> list[str]:
    """Return the actions in a journal, after checking that it verifies from its lines alone."""
    async with database.engine.connect() as connection:
        found = await queries.find_journal(connection, EVERYWHERE, journal_name(kind, establishment))
        if found is None:
            return []
        kept = await queries.lines_after(connection, found.id, 0, 100_000)
        actions = await connection.scalars(
            select(func.convert_from(line.c.body, "UTF8")).where(line.c.journal == found.id).order_by(line.c.number)
        )
        told = [body.split('"action":"')[1].split('"')[0] for body in actions]
    check = ChainCheck(found.name, Head())
    assert check.feed(kept) + check.close(found.head) == []
    return told


async def test_lines_are_numbered_from_one_without_a_gap(consumer: Consumer, database: RoomDatabase) -> None:
    sender, establishment = Sender(f"room-{uuid4()}"), uuid4()
    first = sender.says(a_line("a", establishment=establishment), a_line("b", establishment=establishment))
    second = sender.says(a_line("c", establishment=establishment))

    assert await deliver(consumer, first, second) == [DONE, DONE]

    assert await turns(database, establishment) == ["a", "b", "c"]


async def test_a_batch_delivered_twice_has_one_effect(consumer: Consumer, database: RoomDatabase) -> None:
    sender, establishment = Sender(f"room-{uuid4()}"), uuid4()
    message = sender.says(a_line("a", establishment=establishment))
    said_again = message.model_copy(update={"message_id": uuid4()})

    await deliver(consumer, message)
    await deliver(consumer, message)
    outcomes = await deliver(consumer, said_again)

    assert outcomes == [DONE]
    assert await turns(database, establishment) == ["a"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_batches_in_any_order_have_their_effects_in_the_order_of_their_numbers(
    consumer: Consumer, database: RoomDatabase, order: tuple[int, ...]
) -> None:
    sender, establishment = Sender(f"room-{uuid4()}"), uuid4()
    messages = [sender.says(a_line(turn, establishment=establishment)) for turn in "abc"]

    for place in order:
        assert await deliver(consumer, messages[place]) == [DONE]

    assert await turns(database, establishment) == ["a", "b", "c"]


async def test_batches_out_of_order_in_one_delivery_are_put_in_order(
    consumer: Consumer, database: RoomDatabase
) -> None:
    sender, establishment = Sender(f"room-{uuid4()}"), uuid4()
    messages = [sender.says(a_line(f"{turn:03}", establishment=establishment)) for turn in range(300)]

    assert set(await deliver(consumer, *reversed(messages))) == {DONE}

    assert await turns(database, establishment) == [f"{turn:03}" for turn in range(300)]
    async with database.engine.connect() as connection:
        left = select(func.count()).where(pending_batch.c.sender == sender.name)
        assert await connection.scalar(left) == 0


async def test_a_batch_waits_for_the_one_before_it_and_is_seen_to(consumer: Consumer, database: RoomDatabase) -> None:
    sender, establishment = Sender(f"room-{uuid4()}"), uuid4()
    first = sender.says(a_line("a", establishment=establishment))
    sender.says(a_line("lost", establishment=establishment))
    third = sender.says(a_line("c", establishment=establishment))

    await deliver(consumer, first, third)

    assert await turns(database, establishment) == ["a"]
    async with database.engine.connect() as connection:
        (state,) = await queries.sender_states(connection, sender.name)
    assert (state.head.number, state.waiting, state.first_waiting) == (1, 1, 3)
    assert state.waiting_since is not None


async def test_a_batch_that_does_not_follow_from_the_one_we_hold_is_refused(
    consumer: Consumer, database: RoomDatabase
) -> None:
    name, establishment = f"room-{uuid4()}", uuid4()
    sender, rewound = Sender(name), Sender(name)
    first = sender.says(a_line("a", establishment=establishment))
    rewound.says(a_line("another past", establishment=establishment))
    forked = rewound.says(a_line("b", establishment=establishment))

    outcomes = await deliver(consumer, first, forked)

    assert [outcome.verdict for outcome in outcomes] == [Verdict.DONE, Verdict.DEAD]
    assert await turns(database, establishment) == ["a"]


async def test_a_waiting_batch_that_proves_a_stranger_is_dead_lettered_when_its_turn_comes(
    consumer: Consumer, database: RoomDatabase, databases: Databases
) -> None:
    name, establishment = f"room-{uuid4()}", uuid4()
    sender, rewound = Sender(name), Sender(name)
    first = sender.says(a_line("a", establishment=establishment))
    true_second = sender.says(a_line("b", establishment=establishment))
    rewound.says(a_line("another past", establishment=establishment))
    forked = rewound.says(a_line("forged", establishment=establishment))

    await deliver(consumer, forked)
    await deliver(consumer, first)
    await deliver(consumer, true_second)

    assert await turns(database, establishment) == ["a", "b"]
    dead = await databases.as_superuser(
        "SELECT reason FROM proof.dead_letter WHERE message_id = $1", forked.message_id
    )
    assert len(dead) == 1


async def test_another_batch_under_a_number_already_kept_is_refused(consumer: Consumer) -> None:
    name = f"room-{uuid4()}"
    one, other = Sender(name), Sender(name)
    await deliver(consumer, one.says(a_line("a")))

    (outcome,) = await deliver(consumer, other.says(a_line("b")))

    assert outcome.verdict is Verdict.DEAD


async def test_a_batch_whose_digest_is_not_its_own_is_refused(consumer: Consumer) -> None:
    message = Sender(f"room-{uuid4()}").says(a_line("a"))
    altered = message.model_copy(update={"lines": (a_line("b"),)})

    (outcome,) = await deliver(consumer, altered)

    assert outcome.verdict is Verdict.DEAD


async def test_senders_that_cross_each_other_in_many_journals_never_deadlock(
    consumer: Consumer, database: RoomDatabase
) -> None:
    establishments = [uuid4() for _ in range(6)]
    senders = [Sender(f"room-{uuid4()}") for _ in range(6)]
    deliveries = []
    for turn in range(20):
        for place, sender in enumerate(senders):
            towns = establishments[place:] + establishments[:place]
            lines = [a_line(f"{place}-{turn}", establishment=town) for town in towns]
            deliveries.append(sender.says(*lines))
    halves = [deliveries[0::2], deliveries[1::2], list(reversed(deliveries))]

    outcomes = await asyncio.gather(*(deliver(consumer, *half) for half in halves))

    assert {outcome for half in outcomes for outcome in half} == {DONE}
    for town in establishments:
        assert len(await turns(database, town)) == 120


async def test_an_accepted_transfer_is_said_to_be_recorded_with_all_its_places(
    consumer: Consumer, database: RoomDatabase
) -> None:
    establishment, transfer = uuid4(), uuid4()
    ingest, storage = Sender(f"room-{uuid4()}"), Sender(f"room-{uuid4()}")
    written = a_line("aip.written", kind="writes", establishment=establishment, transfer=transfer)
    received = a_line("transfer.received", establishment=establishment, transfer=transfer)
    accepted = a_line(TRANSFER_ACCEPTED, establishment=establishment, transfer=transfer)
    stranger = a_line("transfer.received", establishment=establishment, transfer=uuid4())

    await deliver(consumer, storage.says(written), ingest.says(received, stranger))
    batch = ingest.says(accepted)
    await deliver(consumer, batch)

    async with database.engine.connect() as connection:
        topic = outbox.c.topic == DepositRecordedV1.topic
        bodies = await connection.scalars(select(outbox.c.body).where(topic))
        told = [DepositRecordedV1.model_validate_json(body) for body in bodies]
        kept = await connection.execute(
            select(line.c.number, line.c.sha512, line.c.body)
            .join(journal, journal.c.id == line.c.journal)
            .where(journal.c.name == f"archives.{establishment}")
        )
        lines = {row.number: row for row in kept}
    (recorded,) = [message for message in told if message.transfer_id == transfer]
    assert (recorded.establishment, recorded.causation_id) == (establishment, batch.message_id)
    assert [(place.journal, place.number) for place in recorded.positions] == [
        (f"archives.{establishment}", 1),
        (f"archives.{establishment}", 3),
        (f"writes.{establishment}", 1),
    ]
    assert recorded.positions[1].sha512 == lines[3].sha512.hex()
    # So the grant date of a transfer can be found again from its journal alone.
    assert rfc3339(recorded.occurred_at) == json.loads(lines[3].body)["recorded_at"]
    assert recorded.occurred_at == to_the_millisecond(recorded.occurred_at)


async def test_a_process_that_did_not_see_the_gap_fill_tells_so_when_asked(
    consumer: Consumer, database: RoomDatabase
) -> None:
    sender = Sender(f"room-{uuid4()}")
    first, second = sender.says(a_line("a")), sender.says(a_line("b"))
    await deliver(consumer, second, first)
    WAITING.labels(sender.name).set(1)

    await measure_gaps(database)

    assert REGISTRY.get_sample_value("chartrier_journal_waiting_batches", {"sender": sender.name}) == 0


async def test_the_gauges_show_what_waits_until_nothing_does(consumer: Consumer) -> None:
    sender = Sender(f"room-{uuid4()}")
    first, second = sender.says(a_line("a")), sender.says(a_line("b"))

    def shown(gauge: str) -> float | None:
        return REGISTRY.get_sample_value(gauge, {"sender": sender.name})

    await deliver(consumer, second)
    during = (shown("chartrier_journal_waiting_batches"), shown("chartrier_journal_waiting_since_seconds"))
    await deliver(consumer, first)
    after = (shown("chartrier_journal_waiting_batches"), shown("chartrier_journal_waiting_since_seconds"))

    assert during[0] == 1
    assert during[1] is not None
    assert during[1] > 1_700_000_000
    assert after == (0, 0)
