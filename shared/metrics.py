"""The metrics that every room exposes. What each means is in docs/operations.md; a test keeps the two in step.

Labels come from short lists that we know beforehand (rooms, routes, queues, kinds, steps, sites): a label never
holds an identifier, for each value is a series that Prometheus keeps.
"""

from importlib.metadata import version

from prometheus_client import Counter, Gauge, Histogram

LONG = (0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120, 600, 3600)
"""Bounds, in seconds, for what may take hours."""

# --- Requests and messages ------------------------------------------------------------------------------------------

REQUESTS = Counter("chartrier_http_requests", "HTTP requests", ("room", "method", "route", "status"))
REQUEST_SECONDS = Histogram("chartrier_http_request_seconds", "HTTP request durations", ("room", "route"))
POSTED = Counter("chartrier_messages_posted", "Messages committed to the outbox", ("room", "topic"))
MESSAGES = Counter("chartrier_messages", "Messages handled", ("room", "queue", "outcome"))
BATCH_SECONDS = Histogram("chartrier_message_batch_seconds", "Durations of handled batches", ("room", "queue"))
MESSAGE_AGE = Histogram(
    "chartrier_message_age_seconds", "From the making of a message to its effect", ("room", "queue"), buckets=LONG
)

# --- Work ---------------------------------------------------------------------------------------------------------

WORK_SECONDS = Histogram(
    "chartrier_work_seconds", "Durations of leased work", ("room", "kind", "outcome"), buckets=LONG
)
STEP_SECONDS = Histogram(
    "chartrier_step_seconds", "Durations of the steps of a deposit", ("room", "step", "outcome"), buckets=LONG
)

# --- What waits in a room's database ------------------------------------------------------------------------------

OUTBOX_ROWS = Gauge("chartrier_outbox_rows", "Messages not yet handed to the broker", ("room",))
OUTBOX_AGE = Gauge("chartrier_outbox_oldest_seconds", "Age of the oldest of them", ("room",))
WORK_ROWS = Gauge("chartrier_work_rows", "Work waiting or in hand", ("room", "kind"))
WORK_AGE = Gauge("chartrier_work_oldest_seconds", "Age of the oldest work that is due", ("room", "kind"))
WORK_STUCK = Gauge("chartrier_work_stuck", "Work that should be over by now, and is still there", ("room", "kind"))
DEAD_LETTERS = Gauge("chartrier_dead_letters", "Messages that could not be handled", ("room",))
MEASURED_AT = Gauge("chartrier_measured_timestamp_seconds", "When a measure last succeeded", ("room", "measure"))

# --- The process --------------------------------------------------------------------------------------------------

POOL_IN_USE = Gauge("chartrier_database_pool_in_use", "Database connections lent out", ("room",))
POOL_SIZE = Gauge("chartrier_database_pool_size", "Database connections there may be", ("room",))
LOOP_LAG = Histogram(
    "chartrier_event_loop_lag_seconds",
    "How late the event loop comes to what is due",
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 10),
)
BUILD_INFO = Gauge("chartrier_build_info", "1 for the version that runs", ("version",))
BUILD_INFO.labels(version("chartrier")).set(1)

RATE_LIMITED = Counter("chartrier_rate_limited", "Requests refused with 429", ("room",))
IN_HAND = Gauge("chartrier_http_in_hand", "Requests in hand", ("room",))
OVERLOADED = Counter("chartrier_overloaded", "Requests refused because too many were in hand", ("room",))
CUT = Counter("chartrier_connections_cut", "Connections cut because the client was too slow", ("doing",))

SPACE_FULL = Gauge("chartrier_space_full", "1 where new deposits are refused for want of room", ("room", "place"))
SPACE_FREE = Gauge("chartrier_space_free_bytes", "Bytes a store could still take", ("room", "place"))
SPACE_TOTAL = Gauge("chartrier_space_total_bytes", "Bytes a store can hold in all", ("room", "place"))
