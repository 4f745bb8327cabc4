"""Each statement as a span: its text with placeholders, never the values that stand in their place.

OpenTelemetry's own instrumentation of SQLAlchemy does not take version 2.1 yet, and puts the texts of errors, which
quote values, into its spans.
"""

from typing import Any

from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import ExceptionContext, event
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import tracing

LONGEST_STATEMENT = 2000
"""Characters of a statement that a span keeps."""

_KEPT = "_chartrier_span"


def watch(engine: AsyncEngine) -> None:
    """Make a span of each statement that this engine's connections run from now on."""
    event.listen(engine.sync_engine, "before_cursor_execute", _begin)
    event.listen(engine.sync_engine, "after_cursor_execute", _end)
    event.listen(engine.sync_engine, "handle_error", _fail)


# The arguments are SQLAlchemy's: connection, cursor, statement, parameters, context, executemany.
def _begin(*event_arguments: Any) -> None:  # noqa: ANN401
    statement, context = event_arguments[2], event_arguments[4]
    facts = {"db.system.name": "postgresql", "db.query.text": statement[:LONGEST_STATEMENT]}
    name = statement.split(maxsplit=1)[0].upper() if statement.strip() else "SQL"
    span = tracing.TRACER.start_span(name, kind=SpanKind.CLIENT, attributes=facts)
    setattr(context, _KEPT, span)


def _end(*event_arguments: Any) -> None:  # noqa: ANN401
    getattr(event_arguments[4], _KEPT).end()


def _fail(failure: ExceptionContext) -> None:
    span = getattr(failure.execution_context, _KEPT, None)
    if span is not None:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", type(failure.original_exception).__name__)
        span.end()
