"""Containers of journal lines (docs/journal-format.md): canonical, numbered without a gap, chained."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chartrier_client.verifying import shapes
from chartrier_client.verifying.canonical import read_canonical
from chartrier_client.verifying.checks import Malformed, Subject
from chartrier_client.verifying.trees import digest

LONGEST_LINE: Final = 32 << 20
BEGINNING: Final = "0" * 128

OnLine = Callable[["Line"], None]


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it lies in a container."""

    journal: str
    number: int
    sha512: bytes
    body: bytes
    fields: dict[str, Any]


@dataclass(slots=True)
class Container:
    """What a container is: whose lines, from which to which, and how it hangs together with its neighbours."""

    target: str
    journal: str = ""
    first: int = 0
    last: int = 0
    previous: str = ""
    head: str = ""
    faults: int = 0


def read_container(path: Path, about: Subject, on_line: OnLine) -> Container:
    """Read a container line by line, name every fault, and tell each line that can be read.

    Raises `Malformed` where not even lines can be told apart, and `OSError`.
    """
    container = Container(about.target)
    with path.open("rb") as file:
        while body := file.readline(LONGEST_LINE + 1):
            if not body.endswith(b"\n"):
                raise Malformed("line_without_end")
            _take(body[:-1], container, about, on_line)
    if not container.journal:
        raise Malformed("container_empty")
    if not container.faults:
        about.ok("journal.lines", f"{container.journal} {container.first}–{container.last}")
        about.ok("journal.head", container.head)
    return container


def _take(body: bytes, container: Container, about: Subject, on_line: OnLine) -> None:
    sha512 = digest(body)
    try:
        fields = read_canonical(body)
        shapes.fits(fields, shapes.LINE)
        _name(fields)
    except Malformed as fault:
        _fault(container, about, "journal.line", fault.reason, **fault.facts)
        # The next one is judged by the digest of what is here.
        container.last, container.head = container.last + 1, sha512.hex()
        return
    if not container.journal:
        container.journal, container.first, container.previous = (
            fields["journal"],
            fields["number"],
            fields["previous"],
        )
    else:
        _follows(fields, container, about)
    container.last, container.head = fields["number"], sha512.hex()
    on_line(Line(fields["journal"], fields["number"], sha512, body, fields))


def _name(fields: dict[str, Any]) -> None:
    """Refuse a line that another journal's name stands in, or that begins a journal in the middle."""
    expected = f"{fields['kind']}.{fields['establishment'] or 'platform'}"
    if fields["journal"] != expected:
        raise Malformed("line_misplaced", found=fields["journal"], expected=expected)
    if (fields["number"] == 1) != (fields["previous"] == BEGINNING):
        raise Malformed("previous_mismatch", number=fields["number"])
    if any(not isinstance(each, str | int) for each in fields["details"].values()):
        raise Malformed("field_wrong", field="details")


def _follows(fields: dict[str, Any], container: Container, about: Subject) -> None:
    number = fields["number"]
    if fields["journal"] != container.journal:
        _fault(
            container, about, "journal.line", "line_misplaced", found=fields["journal"], expected=container.journal
        )
    elif number != container.last + 1:
        _fault(container, about, "journal.numbers", "line_missing", found=number, expected=container.last + 1)
    elif fields["previous"] != container.head:
        _fault(container, about, "journal.chain", "previous_mismatch", number=number)


def _fault(container: Container, about: Subject, what: str, reason: str, **facts: object) -> None:
    container.faults += 1
    about.failed(what, reason, f"{container.journal} {container.last + 1}", **facts)
