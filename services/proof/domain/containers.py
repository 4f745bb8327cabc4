"""Containers of journal lines: what leaves proof for the sites, so that a journal outlives its database.

The form is described for readers of any language in docs/journal-format.md: the lines' own bytes, one a row.
"""

import re
from dataclasses import dataclass
from uuid import UUID

from shared.messages.journal import JournalKind

MOST_LINES = 5_000
"""Lines in one container; as many that are not in any yet are closed at once."""

MOST_BYTES = 16 * 1024**2
"""Bytes of one container, but for one whose single line is longer."""


FOLDER = "journals"
"""Where containers wait in staging."""


@dataclass(frozen=True, slots=True)
class Container:
    """Lines `first` to `last` of a journal, the `number`-th such run of it (from 1); the lines say all the rest."""

    journal_id: int
    journal: str
    kind: JournalKind
    establishment: UUID | None
    number: int
    first: int
    last: int

    @property
    def staging_key(self) -> str:
        """Return where it lies until every site has it: the same for whoever writes it."""
        return f"{FOLDER}/{self.journal}.{self.first:016}-{self.last:016}.ndjson"


_NAMED = re.compile(rf"{FOLDER}/(?P<journal>.+)\.(?P<first>\d{{16}})-\d{{16}}\.ndjson")


def place_of(staging_key: str) -> tuple[str, int] | None:
    """Return the journal, and the first line, of a container in staging; None for what is not called as one."""
    named = _NAMED.fullmatch(staging_key)
    return None if named is None else (named["journal"], int(named["first"]))


def row(body: bytes) -> bytes:
    """Return a line as a row of a container; canonical JSON has no line feed of its own."""
    return body + b"\n"


def fills_one(before: int, after: int) -> bool:
    """Say whether a journal that grew from one number to another passed a multiple of `MOST_LINES`.

    Asked instead of how many lines wait: that needs nothing but the head, which its writer holds anyway.
    """
    return before // MOST_LINES != after // MOST_LINES
