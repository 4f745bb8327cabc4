"""Structured logs (one JSON object a line) and the metrics every room exposes."""

import json
import logging
import sys
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from typing_extensions import override

from shared.clock import now, rfc3339

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

REQUESTS = Counter("chartrier_http_requests", "HTTP requests", ("room", "method", "route", "status"))
REQUEST_SECONDS = Histogram("chartrier_http_request_seconds", "HTTP request durations", ("room", "route"))
MESSAGES = Counter("chartrier_messages", "Messages handled", ("queue", "outcome"))
WORK_SECONDS = Histogram(
    "chartrier_work_seconds",
    "Durations of leased work",
    ("room", "kind", "outcome"),
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120, 600, 3600),
)
OUTBOX_ROWS = Gauge("chartrier_outbox_rows", "Messages not yet handed to the broker", ("room",))
OUTBOX_AGE = Gauge("chartrier_outbox_oldest_seconds", "Age of the oldest of them", ("room",))
WORK_ROWS = Gauge("chartrier_work_rows", "Work waiting or in hand", ("room", "kind"))
WORK_AGE = Gauge("chartrier_work_oldest_seconds", "Age of the oldest work", ("room", "kind"))
DEAD_LETTERS = Gauge("chartrier_dead_letters", "Messages that could not be handled", ("room",))
RATE_LIMITED = Counter("chartrier_rate_limited", "Requests refused with 429", ("room",))
IN_HAND = Gauge("chartrier_http_in_hand", "Requests in hand", ("room",))
OVERLOADED = Counter("chartrier_overloaded", "Requests refused because too many were in hand", ("room",))
CUT = Counter("chartrier_connections_cut", "Connections cut because the client was too slow", ("doing",))


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object; what `extra` gave stands beside the message."""

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
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            return json.dumps(line, ensure_ascii=False, default=_told)
        except (TypeError, ValueError):
            # A circle, or a mapping whose keys are no texts: a line told badly is better than none.
            return json.dumps({name: _told(value) for name, value in line.items()}, ensure_ascii=False)


def _told(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 (whatever is logged, logging goes on)
        return f"<{type(value).__name__}>"


def configure_logging(room: str, level: str) -> None:
    """Send every log line of this process to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(room))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # These say at INFO what our own lines and metrics already tell.
    for noisy in ("uvicorn.access", "httpx", "aiormq", "aio_pika", "alembic", "urllib3"):
        logging.getLogger(noisy).setLevel("WARNING")
