"""A collector of traces: takes what OpenTelemetry's exporters send over HTTP, and keeps it in memory."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from typing_extensions import override


@dataclass(frozen=True)
class Collected:
    """One span and the process it comes from."""

    service: str
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    facts: dict[str, str]


class Collector:
    """What has come in so far, told as it comes."""

    def __init__(self) -> None:
        self._spans: list[Collected] = []
        self._more = threading.Condition()
        self.endpoint = ""

    def take(self, request: ExportTraceServiceRequest) -> None:
        with self._more:
            for batch in request.resource_spans:
                service = next(a.value.string_value for a in batch.resource.attributes if a.key == "service.name")
                self._spans += [_collected(service, span) for scope in batch.scope_spans for span in scope.spans]
            self._more.notify_all()

    def _of_trace(self, trace_id: str) -> list[Collected]:
        return [span for span in self._spans if span.trace_id == trace_id]

    def wait_for(
        self, trace_id: str, is_whole: Callable[[list[Collected]], bool], patience: float = 60.0
    ) -> list[Collected]:
        """Return the spans of a trace once it is whole, or whatever there is when patience ends.

        Each process sends its spans in batches of its own: a span may come long before the one it follows.
        """
        with self._more:
            self._more.wait_for(lambda: is_whole(self._of_trace(trace_id)), patience)
            return self._of_trace(trace_id)


def _collected(service: str, span: Span) -> Collected:
    facts = {one.key: one.value.string_value or str(one.value.int_value) for one in span.attributes}
    return Collected(service, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), span.name, facts)


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listen on a free port of this machine while the block lasts."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                collector.take(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        @override
        def log_message(self, *_: object) -> None:
            """Say nothing: the test does."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
