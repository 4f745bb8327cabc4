"""Structured logs, one JSON object a line: whose request or message it was (trace), never what was in it."""

import json
import logging
import sys
from typing import Any

from opentelemetry import trace
from typing_extensions import override

from shared.clock import now, rfc3339
from shared.telling import told_traceback

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

OURS = ("services", "shared", "__main__")
"""Loggers that may say more than INFO: whatever level is set, libraries do not tell us what passes through them."""

NOISY = (
    # These say at INFO what our own lines and metrics already tell.
    "uvicorn.access",
    "aiormq",
    "aio_pika",
    "alembic",
    # These say at INFO, or DEBUG, what was asked for and what was written: URLs, statements, forms.
    "httpx",
    "httpcore",
    "urllib3",
    "sqlalchemy",
    "python_multipart",
)


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object; what `extra` gave stands beside the message.

    An exception is its traceback and what `shared.telling` lets be said of it.
    """

    def __init__(self, room: str) -> None:
        super().__init__()
        self._room = room

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line: dict[str, Any] = {
            "time": rfc3339(now()),
            "level": record.levelname.lower(),
            "room": self._room,
            "logger": record.name,
            "message": _message(record),
            **_traced(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = told_traceback(record.exc_info[1])
        try:
            return json.dumps(line, ensure_ascii=False, default=_told)
        except (TypeError, ValueError):
            # A circle, or a mapping whose keys are no texts: a line told badly is better than none.
            return json.dumps({name: _told(value) for name, value in line.items()}, ensure_ascii=False)


def _message(record: logging.LogRecord) -> str:
    message = record.getMessage()
    # asyncio adds lines that show the task that failed, its arguments and its exception among them.
    return message.partition("\n")[0] if record.name == "asyncio" else message


def _traced() -> dict[str, str]:
    """Return the ids of the current span, where there is one."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(span.trace_id), "span_id": trace.format_span_id(span.span_id)}


def _told(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 (whatever is logged, logging goes on)
        return f"<{type(value).__name__}>"


def configure_logging(room: str, level: str) -> None:
    """Send every log line of this process to standard error as JSON; libraries say no more than INFO."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(room))
    logging.basicConfig(level=max(logging.INFO, logging.getLevelName(level)), handlers=[handler], force=True)
    for ours in OURS:
        logging.getLogger(ours).setLevel(level)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel("WARNING")
