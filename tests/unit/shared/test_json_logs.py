"""One JSON object a line, whatever is logged."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext
from typing_extensions import override

from shared.observability import NOISY, OURS, JsonLines, configure_logging


def a_line(message: str = "done", *arguments: object, **extra: object) -> dict[str, Any]:
    record = logging.getLogger("room.part").makeRecord(
        "room.part", logging.WARNING, "file.py", 1, message, arguments, None, extra=extra
    )
    text = JsonLines("ingest").format(record)
    assert "\n" not in text
    read: dict[str, Any] = json.loads(text)
    return read


def test_a_line_says_when_how_grave_where_and_what() -> None:
    line = a_line("%s of %d", "one", 2)

    assert {name: line[name] for name in ("level", "room", "logger", "message")} == {
        "level": "warning",
        "room": "ingest",
        "logger": "room.part",
        "message": "one of 2",
    }
    assert line["time"].endswith("Z")
    assert set(line) == {"time", "level", "room", "logger", "message"}


def test_what_extra_gives_stands_beside_the_message() -> None:
    line = a_line(key="a/b", attempts=3, transfer=UUID(int=7), sites=("a", "b"))

    assert (line["key"], line["attempts"], line["sites"]) == ("a/b", 3, ["a", "b"])
    assert line["transfer"] == "00000000-0000-0000-0000-000000000007"


def test_french_is_written_as_it_is() -> None:
    record = logging.makeLogRecord({"msg": "délibération n° 12\nsuite"})

    text = JsonLines("ingest").format(record)

    assert "délibération n° 12\\nsuite" in text


def test_an_exception_is_one_field_of_the_line() -> None:
    record = logging.makeLogRecord({"msg": "failed"})
    try:
        int("on purpose")
    except ValueError:
        record.exc_info = sys.exc_info()

    line = json.loads(JsonLines("ingest").format(record))

    assert line["exception"].startswith("Traceback")
    assert line["exception"].splitlines()[-1] == "ValueError"


def test_a_line_bears_the_ids_of_the_span_it_is_said_in() -> None:
    span = NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=False))
    with trace.use_span(span):
        inside = a_line()

    assert inside["trace_id"] == f"{0xABC:032x}"
    assert inside["span_id"] == f"{0xDEF:016x}"
    assert "trace_id" not in a_line()


def test_of_a_task_that_failed_unheard_only_the_first_line_is_told() -> None:
    record = logging.makeLogRecord(
        {"name": "asyncio", "msg": "Task exception was never retrieved\nfuture: <Task … ValueError('Mme Planté')>"}
    )

    assert json.loads(JsonLines("ingest").format(record))["message"] == "Task exception was never retrieved"


@pytest.mark.usefixtures("as_before")
@pytest.mark.parametrize(
    ("name", "level", "said"),
    [
        ("shared.part", logging.DEBUG, True),
        ("services.ingest.worker", logging.DEBUG, True),
        ("a_library", logging.DEBUG, False),
        ("a_library", logging.INFO, True),
        ("sqlalchemy.engine", logging.INFO, False),
        ("httpx", logging.INFO, False),
        ("python_multipart.multipart", logging.DEBUG, False),
        ("uvicorn.access", logging.INFO, False),
    ],
)
def test_whatever_the_level_libraries_do_not_tell_what_passes_through_them(name: str, level: int, said: bool) -> None:
    configure_logging("ingest", "DEBUG")

    assert logging.getLogger(name).isEnabledFor(level) is said


class Mute:
    """Something that cannot even be told."""

    @override
    def __str__(self) -> str:
        raise RuntimeError("no words")


def a_circle() -> list[object]:
    circle: list[object] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    "odd", [b"\xff\xfe", {1, 2}, Mute(), [Mute()], {("a", 1): 2}, a_circle(), "\ud800.pdf", object(), ValueError("é")]
)
def test_no_object_however_odd_keeps_a_line_from_being_written(odd: object) -> None:
    line = a_line("kept", odd=odd)

    assert line["message"] == "kept"
    assert "odd" in line


@pytest.fixture
def as_before() -> Iterator[None]:
    """Leave logging as it was found."""
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in (*OURS, *NOISY))]
    kept, levels = loggers[0].handlers[:], [logger.level for logger in loggers]
    yield
    loggers[0].handlers[:] = kept
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.usefixtures("as_before")
def test_a_file_name_that_is_no_text_reaches_the_stream(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("ingest", "INFO")
    logging.getLogger("room.part").info("file %s", "pi\udce8ce.pdf")

    [line] = capfd.readouterr().err.splitlines()
    assert json.loads(line)["message"].startswith("file pi")
