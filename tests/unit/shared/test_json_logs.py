"""One JSON object a line, whatever is logged."""

import json
import logging
import sys
from typing import Any
from uuid import UUID

import pytest
from typing_extensions import override

from shared.observability import JsonLines, configure_logging


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


def test_a_file_name_that_is_no_text_reaches_the_stream(capfd: pytest.CaptureFixture[str]) -> None:
    root, kept = logging.getLogger(), logging.getLogger().handlers[:]
    level = root.level
    try:
        configure_logging("ingest", "INFO")
        logging.getLogger("room.part").info("file %s", "pi\udce8ce.pdf")
    finally:
        root.handlers[:] = kept
        root.setLevel(level)

    [line] = capfd.readouterr().err.splitlines()
    assert json.loads(line)["message"].startswith("file pi")
