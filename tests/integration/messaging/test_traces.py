"""Messages and work carry the trace they belong to, also when many are handled in one transaction."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from shared import tracing
from shared.database.plumbing import outbox, work
from shared.database.spans import watch
from shared.exporting import OfTraces
from shared.identifiers import new_id
from shared.messages.access import DipOrderedV1
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.gathering import recorder
from shared.messaging.lease import Lease, Piece
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish, lease
from tests.servers import Databases

pytestmark = pytest.mark.integration

TRACES = tuple(f"00-{number:032x}-{number:016x}-01" for number in (1, 2))


def is_recorded(share: float, asked_in: Context | None, kind: SpanKind) -> bool:
    return OfTraces(share).should_sample(asked_in, 1, "name", kind).decision is Decision.RECORD_AND_SAMPLE


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=OfTraces(1.0))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "TRACER", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def a_delivery(traceparent: str | None) -> Delivery:
    message = DipOrderedV1(dip_id=new_id(), establishment=new_id())
    return Delivery(message.message_id, message.topic, message.model_dump_json().encode(), trace=traceparent)


def trace_id(traceparent: str | None) -> str:
    return (traceparent or "--").split("-")[1]


@contextmanager
def in_trace(traceparent: str) -> Iterator[None]:
    with tracing.spanning("asks", tracing.context_of(traceparent), {}):
        yield


async def test_what_each_message_of_a_batch_leads_to_follows_its_own_trace(
    databases: Databases, spans: InMemorySpanExporter
) -> None:
    database = databases.room("ingest")

    async def answer_each(tx: Transaction, messages: Sequence[DipOrderedV1]) -> None:
        for message in messages:
            tx.post(DipOrderedV1(dip_id=message.dip_id, establishment=new_id()), cause=message.message_id)
            await enqueue(tx, "look", Piece(str(message.dip_id), cause=message.message_id))

    consumer = Consumer("ingest.try", database, {DipOrderedV1: answer_each})
    deliveries = [a_delivery(traceparent) for traceparent in TRACES]
    await consumer.handle(deliveries)

    async with database.engine.connect() as connection:
        posted = (await connection.execute(select(outbox.c.trace).order_by(outbox.c.message_id))).scalars().all()
    held = await lease(database, ["look"], 10)
    await database.engine.dispose()

    assert [trace_id(one) for one in posted] == [trace_id(one) for one in TRACES]
    assert {trace_id(one.trace) for one in held} == {trace_id(one) for one in TRACES}
    # What was done for both at once is in neither trace, and links to both.
    (batch,) = [span for span in spans.get_finished_spans() if span.name == "process many ingest.try"]
    assert {format(link.context.trace_id, "032x") for link in batch.links} == {trace_id(one) for one in TRACES}


@pytest.mark.usefixtures("spans")
async def test_what_is_gathered_for_many_goes_on_in_the_trace_of_each(
    databases: Databases,
) -> None:
    database = databases.room("storage")
    async with database.begin() as tx:
        causes = [new_id() for _ in TRACES]
        tx.traces |= dict(zip(causes, TRACES, strict=True))
        await enqueue(tx, "copy", *(Piece(str(cause), cause=cause) for cause in causes))
    held = await lease(database, ["copy"], 10)

    async def close_and_tell(tx: Transaction, leases: Sequence[Lease]) -> list[None]:
        await finish(tx, *leases)
        for one in leases:
            tx.post(DipOrderedV1(dip_id=new_id(), establishment=new_id()), cause=one.cause)
        return [None] * len(leases)

    together = recorder(database, close_and_tell)
    await asyncio.gather(*(together.add(one) for one in held))

    async with database.engine.connect() as connection:
        posted = (await connection.execute(select(outbox.c.trace))).scalars().all()
        left = (await connection.execute(select(work.c.id).where(work.c.kind == "copy"))).all()
    await database.engine.dispose()
    assert sorted(trace_id(one) for one in posted) == [trace_id(one) for one in TRACES]
    assert left == []


@pytest.mark.usefixtures("spans")
async def test_a_message_alone_is_handled_in_the_trace_it_came_in(databases: Databases) -> None:
    seen: list[str | None] = []

    async def look(_: Transaction, __: Sequence[DipOrderedV1]) -> None:
        seen.append(tracing.current_trace())

    database: RoomDatabase = databases.room("proof")
    await Consumer("proof.try", database, {DipOrderedV1: look}).handle([a_delivery(TRACES[0])])
    await database.engine.dispose()
    assert [trace_id(one) for one in seen] == [trace_id(TRACES[0])]


def test_an_error_leaves_its_class_in_the_span_and_none_of_its_words(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="Dupont"), in_trace(TRACES[0]):
        raise ValueError("Mme Dupont")
    (span,) = spans.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["error.type"] == "ValueError"
    assert "Dupont" not in span.to_json()


def test_clients_without_a_trace_and_those_outside_the_share_are_not_recorded() -> None:
    asked = tracing.context_of(TRACES[0])
    assert not is_recorded(1.0, None, SpanKind.CLIENT)
    assert is_recorded(1.0, asked, SpanKind.CLIENT)
    assert is_recorded(1.0, None, SpanKind.SERVER)
    # However loudly a caller's header asks to be recorded.
    assert not is_recorded(0.0, asked, SpanKind.SERVER)


async def test_a_statement_is_a_span_without_its_values(databases: Databases, spans: InMemorySpanExporter) -> None:
    database = databases.room("storage")
    watch(database.engine)
    with in_trace(TRACES[0]):
        async with database.reading() as connection:
            await connection.execute(select(work.c.id).where(work.c.key == "Mme Dupont"))
        with pytest.raises(DBAPIError):
            async with database.reading() as connection:
                await connection.execute(text("SELECT CAST(:name AS integer)"), {"name": "Mme Dupont"})
    await database.engine.dispose()
    told = [span for span in spans.get_finished_spans() if span.name == "SELECT"]
    assert [format(span.context.trace_id, "032x") for span in told if span.context] == [trace_id(TRACES[0])] * 2
    assert told[0].status.status_code is not StatusCode.ERROR
    assert told[1].status.status_code is StatusCode.ERROR
    assert not [span for span in told if "Dupont" in span.to_json()]


def test_nonsense_in_a_header_is_no_trace() -> None:
    span = trace.get_current_span(tracing.context_of("00-zz-1-01"))
    assert not span.get_span_context().is_valid
