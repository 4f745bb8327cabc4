"""Where spans go: nowhere, or to an OpenTelemetry collector (OTLP over HTTP); decided once a process."""

import os
from collections.abc import Sequence
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override

from shared.database.spans import watch
from shared.settings import RoomSettings


class OfTraces(Sampler):
    """Records a share of all traces, the same ones in every room: it goes by their ids.

    The flag in a caller's header is not heeded: a caller may choose its trace's id, as it must to have one trace with
    us, and nothing more. What a client of ours does in no trace at all (looking for work every second) is nobody's
    deposit, and not recorded.
    """

    def __init__(self, share: float) -> None:
        self._by_id = TraceIdRatioBased(share)

    @override
    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide by the trace's id."""
        parent = trace.get_current_span(parent_context).get_span_context()
        if kind is SpanKind.CLIENT and not parent.is_valid:
            return SamplingResult(Decision.DROP)
        return self._by_id.should_sample(parent_context, trace_id, name, kind, attributes, links)

    @override
    def get_description(self) -> str:
        """Say what is recorded."""
        return f"OfTraces({self._by_id.get_description()})"


class Tracing:
    """The spans of this process: kept from now on, and sent until `close`."""

    def __init__(self, service: str, processor: SpanProcessor | None, share: float = 1.0) -> None:
        resource = Resource.create(
            {"service.name": service, "service.version": version("chartrier"), "process.pid": os.getpid()}
        )
        self._provider = TracerProvider(sampler=OfTraces(share) if processor else ALWAYS_OFF, resource=resource)
        self._exporting = processor is not None
        if processor is not None:
            self._provider.add_span_processor(processor)
        trace.set_tracer_provider(self._provider)

    def watch(self, engines: Sequence[AsyncEngine]) -> None:
        """Have each statement and each request to an object store be a span, if anybody is to see them."""
        if self._exporting:
            for engine in engines:
                watch(engine)
            URLLib3Instrumentor().instrument(tracer_provider=self._provider, url_filter=_without_query)

    def close(self) -> None:
        """Send what is left. Blocking, for some seconds at most."""
        self._provider.shutdown()


def tracing_of(service: str, settings: RoomSettings) -> Tracing:
    """Set up tracing as the settings say."""
    if settings.otlp_endpoint is None:
        return Tracing(service, None)
    endpoint = settings.otlp_endpoint.rstrip("/") + "/v1/traces"
    return Tracing(service, BatchSpanProcessor(OTLPSpanExporter(endpoint)), settings.trace_share)


def _without_query(url: str) -> str:
    return url.partition("?")[0]
