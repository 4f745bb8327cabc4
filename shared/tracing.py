"""One deposit, one trace: W3C trace context across HTTP, broker, work and threads (OpenTelemetry).

Where nothing is exported spans are not recorded, and cost next to nothing; their trace ids are in the logs and
travel on all the same. Spans hold no personal data: no address with its query, no text of an error.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.messaging.delivery import Delivery

TRACEPARENT = "traceparent"

Facts = Mapping[str, str | int]
"""What a span says of itself: names of things of ours, and identifiers."""

TRACER: Tracer = trace.get_tracer("chartrier")
"""Makes our spans, in whatever way the process has set up by then."""

_PROPAGATOR = TraceContextTextMapPropagator()


def current_trace() -> str | None:
    """Return the current span as a ``traceparent`` (W3C Trace Context, section 3.2); None outside any."""
    return trace_of(trace.get_current_span())


def trace_of(span: Span) -> str | None:
    """Return a span as a ``traceparent``; None for one that is of no trace."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, trace.set_span_in_context(span, Context()))
    return carrier.get(TRACEPARENT)


def context_of(traceparent: str | None) -> Context:
    """Return the context in which a span follows the one that is told; an empty one for none, or nonsense."""
    return _PROPAGATOR.extract({} if traceparent is None else {TRACEPARENT: traceparent}, Context())


@contextmanager
def spanning(
    name: str, context: Context, facts: Facts, kind: SpanKind = SpanKind.INTERNAL, links: Sequence[Link] = ()
) -> Iterator[Span]:
    """Do something in a span of its own; of an error it keeps the class alone, since texts may quote a deposit."""
    with TRACER.start_as_current_span(
        name, context, kind, facts, links, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_status(StatusCode.ERROR)
            span.set_attribute("error.type", type(error).__name__)
            raise


@contextmanager
def untraced() -> Iterator[None]:
    """Ask for what belongs to no trace: work that is there for many, one after the other."""
    token = attach(Context())
    try:
        yield
    finally:
        detach(token)


@contextmanager
def together(name: str, traceparents: Sequence[str | None], facts: Facts) -> Iterator[None]:
    """Do something for several who asked: in a span that follows the only one's, or that links to all of theirs."""
    if len(traceparents) == 1:
        with spanning(name, context_of(traceparents[0]), facts):
            yield
        return
    linked = [trace.get_current_span(context_of(one)).get_span_context() for one in traceparents]
    with spanning(name, Context(), facts, links=[Link(one) for one in linked if one.is_valid]):
        yield


@contextmanager
def processing(queue: str, deliveries: Sequence[Delivery]) -> Iterator[dict[UUID, str | None]]:
    """Handle a batch of messages, each in a span that follows its sender's; yield these as ``traceparent``s.

    What one message leads to follows its own span. What is done for many at once has a span that links to all.
    """
    with ExitStack() as ends:
        spans: dict[UUID, str | None] = {}
        for one in deliveries:
            facts = {
                "messaging.destination.name": queue,
                "messaging.message.id": str(one.message_id),
                "chartrier.topic": one.topic,
            }
            context = context_of(one.trace)
            if len(deliveries) == 1:
                span = ends.enter_context(spanning(f"process {queue}", context, facts, SpanKind.CONSUMER))
            else:
                span = TRACER.start_span(f"process {queue}", context, SpanKind.CONSUMER, facts)
                ends.callback(span.end)
            spans[one.message_id] = trace_of(span)
        if len(deliveries) > 1:
            ends.enter_context(together(f"process many {queue}", list(spans.values()), {"chartrier.queue": queue}))
        yield spans


@contextmanager
def publishing(deliveries: Sequence[Delivery]) -> Iterator[None]:
    """Hand messages to the broker, each in a span beside whatever follows from it."""
    with ExitStack() as ends:
        for one in deliveries:
            if one.trace is not None:
                facts = {"messaging.message.id": str(one.message_id)}
                span = TRACER.start_span(f"publish {one.topic}", context_of(one.trace), SpanKind.PRODUCER, facts)
                ends.callback(span.end)
        yield
