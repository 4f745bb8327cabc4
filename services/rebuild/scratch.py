"""What journal lines say, by what they are about: on disk, for an archive has more lines than memory.

A file of this run alone. Whatever is asked for later is asked by what it is about: a key, a transfer, an agreement.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_AT_ONCE = 500

Fact = tuple[str, str, Mapping[str, Any]]
"""What a line is about, which of the things said about it this is, and what it says."""


class Scratch:
    """Facts by what they are about; of two of one sort the later one stays."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path)
        # Nothing here outlives the run: no journal, no fsync.
        self._file.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        self._file.execute(
            "CREATE TABLE fact (about TEXT, sort TEXT, said TEXT, PRIMARY KEY (about, sort)) WITHOUT ROWID"
        )
        self._file.execute("CREATE TABLE seen (key TEXT PRIMARY KEY) WITHOUT ROWID")

    def note(self, facts: Iterable[Fact], *, over: bool = True) -> None:
        """Keep facts; not `over` what is known already, if so asked."""
        rows = ((about, sort, json.dumps(said)) for about, sort, said in facts)
        what = "INSERT OR REPLACE" if over else "INSERT OR IGNORE"
        self._file.executemany(f"{what} INTO fact VALUES (?, ?, ?)", rows)

    def about(self, things: Collection[str]) -> dict[str, dict[str, dict[str, Any]]]:
        """Return what is known of each of these: thing → sort → what was said; those unknown have nothing."""
        found: dict[str, dict[str, dict[str, Any]]] = {thing: {} for thing in things}
        rest = iter(things)
        while some := tuple(islice(rest, _AT_ONCE)):
            marks = ", ".join("?" * len(some))
            query = f"SELECT about, sort, said FROM fact WHERE about IN ({marks})"  # noqa: S608 (question marks alone)
            for about, sort, said in self._file.execute(query, some):
                found[about][sort] = json.loads(said)
        return found

    def under(self, prefix: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Return all facts about things whose names begin so, in the order of the names."""
        query = "SELECT about, sort, said FROM fact WHERE about >= ? AND about < ? ORDER BY about, sort"
        for about, sort, said in self._file.execute(query, (prefix, prefix + "\U0010ffff")):
            yield about, sort, json.loads(said)

    def see(self, keys: Iterable[str]) -> None:
        """Note that keys were listed."""
        self._file.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((key,) for key in keys))

    def unseen(self, about: str, prefix: str, sort: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the keys with this prefix that facts of this sort are about, and that were not listed.

        What such facts are about begins with `about`, and goes on with the key. Read some at a time, so that what is
        seen meanwhile may be noted.
        """
        after = ""
        while page := list(islice(self._unseen(about, prefix, sort, after), _AT_ONCE)):
            yield from page
            after = page[-1][0]

    def _unseen(self, about: str, prefix: str, sort: str, after: str) -> Iterator[tuple[str, dict[str, Any]]]:
        query = """SELECT substr(about, length(?1) + 1), said FROM fact
                   WHERE about >= ?1 || ?2 AND about < ?1 || ?2 || char(1114111) AND about > ?1 || ?4 AND sort = ?3
                     AND substr(about, length(?1) + 1) NOT IN (SELECT key FROM seen) ORDER BY about"""
        for key, said in self._file.execute(query, (about, prefix, sort, after)):
            yield key, json.loads(said)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


@contextmanager
def scratch(folder: Path | None = None) -> Iterator[Scratch]:
    """Lend an empty one in a folder (that of temporary files if none is said), gone with the block."""
    with TemporaryDirectory(prefix="rebuild-", dir=folder) as inside:
        opened = Scratch(Path(inside) / "facts")
        try:
            yield opened
        finally:
            opened.close()
