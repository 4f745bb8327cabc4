"""How long it takes to seal a day of deposits, and to answer with the evidence of one of its AIPs.

The day is written into the database of the running archive as the rooms would have left it there: journals with
digests of lines, packages with their groups. The seal is asked for as an operator does, and made by the archive.
"""

import asyncio
import hashlib
import io
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg
import httpx
from sqlalchemy import make_url

from bench.archives import Archive
from bench.driver import DepositFailed
from bench.figures import Figure, Outcome, Verdict, percentile
from bench.options import Options
from bench.processes import Watch
from services.__main__ import main
from services.local import postgres
from services.local.settings import as_if_told
from services.proof.domain.hash_tree import group_value
from shared.clock import now
from shared.rooms import ROOMS

ESTABLISHMENTS = 1_100
FILES = 8
LINES = 5
"""Of a deposit, in each of the journals of its establishment."""

KINDS = ("archives", "events", "writes")
ASKED = 200
"""How often evidence is asked for."""

SECONDS, MILLISECONDS = 30.0, 200.0
"""The budgets of a day of `seal_count` deposits, and of one answer."""


@dataclass(frozen=True, slots=True)
class Day:
    """Deposits of one day, by number; the first establishment is the town that may ask."""

    seed: int
    town: UUID
    count: int

    def establishment(self, number: int) -> UUID:
        """Return whose the deposit of a number is."""
        place = number % ESTABLISHMENTS
        return uuid5(NAMESPACE_URL, f"{self.seed} town {place}") if place else self.town

    def aip(self, number: int) -> UUID:
        """Return the AIP of the deposit of a number."""
        return uuid5(NAMESPACE_URL, f"{self.seed} aip {number}")

    def groups(self, at: datetime) -> Iterator[tuple[object, ...]]:
        """Give the row of each package."""
        for number in range(self.count):
            members = sorted(_digest(f"{self.seed} {number} {file}") for file in range(FILES))
            leaf, digests = group_value(members), b"".join(members)
            yield (
                self.aip(number),
                1,
                self.establishment(number),
                self.aip(number),
                bytes(64),
                1,
                "[]",
                at,
                digests,
                leaf,
            )

    def journals(self) -> Iterator[tuple[str, str, UUID, int]]:
        """Give name, kind, owner and number of new lines of each journal."""
        for place in range(min(ESTABLISHMENTS, self.count)):
            owner = self.establishment(place)
            deposits = len(range(place, self.count, ESTABLISHMENTS))
            yield from ((f"{kind}.{owner}", kind, owner, LINES * deposits) for kind in KINDS)


def _digest(text: str) -> bytes:
    return hashlib.sha512(text.encode()).digest()


GROUP = ("aip", "version", "establishment", "transfer", "sha512", "size", "receipts", "stored_at", "digests", "leaf")


def sealing(archive: Archive, options: Options, _folder: Path) -> Outcome:
    """Seal a day, then ask for the evidence of its packages; raises `DepositFailed` where no seal comes."""
    day = Day(options.seed, UUID(archive.establishment), options.seal_count)
    with Watch(ROOMS) as watch:
        seconds, size, lines = _sealed(archive, day, options.patience)
        delays = _delays(archive, day)
    each = percentile(delays, 95)
    figures = (
        Figure("packages sealed", day.count),
        Figure("journal lines sealed", lines),
        Figure("asked for until it is staged whole", seconds, "s"),
        Figure("size of the seal", size / (1 << 20), "MiB"),
        Figure("evidence, median", percentile(delays, 50), "ms"),
        Figure("evidence, 95th percentile", each, "ms"),
        Figure("evidence, slowest", max(delays), "ms"),
    )
    verdicts = (
        Verdict("a day sealed, s", seconds, SECONDS, at_most=True),
        Verdict("evidence of one AIP, ms", each, MILLISECONDS, at_most=True),
    )
    designed = options.seal_count == 10_000
    return Outcome(archive.mode, "seal", day.count, figures, verdicts if designed else (), watch.result)


def _sealed(archive: Archive, day: Day, patience: float) -> tuple[float, int, int]:
    """Return the seconds from the order to a container in staging, its size, and how many lines the seal covers."""

    def ask(question: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:  # noqa: ANN401 (whatever is asked for)
        return asyncio.run(_asked(archive, question))

    # The first seal of an archive is made as it starts.
    before = ask(lambda connection: _filed(connection, 0, patience))
    lines = ask(lambda connection: _write(connection, day))
    begun = now()
    _ask(archive)
    made = ask(lambda connection: _filed(connection, before["number"], patience))
    return (made["filed_at"] - begun).total_seconds(), made["size"], lines


async def _asked(archive: Archive, question: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:  # noqa: ANN401
    server = postgres.running(archive.home / archive.mode / "postgres")
    if server is None:
        raise DepositFailed("the database of the archive does not run")
    address = make_url(server.superuser_url).set(drivername="postgresql", database="chartrier")
    connection = await asyncpg.connect(address.render_as_string(hide_password=False))
    try:
        return await question(connection)
    finally:
        await connection.close()


async def _filed(connection: asyncpg.Connection, after: int, patience: float) -> asyncpg.Record:
    """Wait until a seal after one of a number has left for the sites."""
    deadline = time.monotonic() + patience
    question = "SELECT number, size, filed_at FROM proof.filed WHERE kind = 'seal' AND number > $1 ORDER BY number"
    while (found := await connection.fetchrow(question, after)) is None:
        if time.monotonic() > deadline:
            raise DepositFailed(f"no seal after {patience:.0f} s")
        await asyncio.sleep(0.1)
    return found


async def _write(connection: asyncpg.Connection, day: Day) -> int:
    """Write the day into the tables of proof; return how many lines it has."""
    journals = list(day.journals())
    async with connection.transaction():
        await connection.copy_records_to_table(
            "package_group", schema_name="proof", columns=GROUP, records=list(day.groups(now()))
        )
        # Journals of the town are there already: theirs get the lines after the last.
        rows = await connection.fetch(
            """INSERT INTO proof.journal (name, kind, establishment, number, sha512)
               SELECT name, kind, establishment, many, $5
               FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[]) AS new (name, kind, establishment, many)
               ON CONFLICT (name) DO UPDATE SET number = journal.number + excluded.number
               RETURNING id, name, number""",
            *(list(column) for column in zip(*journals, strict=True)),
            bytes(64),
        )
        many = {name: count for name, _, _, count in journals}
        lines = [
            (row["id"], number, _digest(f"{row['id']} {number}"), b"{}")
            for row in rows
            for number in range(row["number"] - many[row["name"]] + 1, row["number"] + 1)
        ]
        columns = ("journal", "number", "sha512", "body")
        await connection.copy_records_to_table("line", schema_name="proof", columns=columns, records=lines)
    return len(lines)


def _ask(archive: Archive) -> None:
    told = {"CHARTRIER_HOME": str(archive.home), "CHARTRIER_PORT": str(make_url(archive.base_url).port)}
    with as_if_told(told), redirect_stdout(io.StringIO()):
        if main(["seals", "make"]) != 0:
            raise DepositFailed("no seal can be asked for")


def _delays(archive: Archive, day: Day) -> list[float]:
    """Return how many milliseconds each answer took, one after the other, from the town's own packages."""
    delays = []
    numbers = range(0, day.count, ESTABLISHMENTS)
    with httpx.Client(base_url=archive.base_url, timeout=30, trust_env=False) as http:
        grant = {"grant_type": "client_credentials"}
        answer = http.post("/admin/v1/token", data=grant, auth=(archive.client_id, archive.client_secret))
        headers = {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}
        for turn in range(ASKED):
            aip = day.aip(numbers[turn % len(numbers)])
            begun = time.perf_counter()
            http.get(f"/proof/v1/aips/{aip}/evidence", headers=headers).raise_for_status()
            delays.append(1000 * (time.perf_counter() - begun))
    return delays
