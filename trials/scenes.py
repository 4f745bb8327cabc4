"""What is played at one place where a process dies: a town of its own, its deposits, and how they must end."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from chartrier_client.administration import Mandate, create_client
from services.admin.domain.purge import PurgeOrder
from services.admin.handlers.purges import order_purge
from shared.clock import now
from shared.database.engine import role_of, room_engine
from shared.identifiers import new_id
from shared.messaging.transaction import RoomDatabase
from trials.dying import parted
from trials.evidence import agree, until_all, until_idle
from trials.keeping import HoldingKey
from trials.levers import Levers, until
from trials.run import Run
from trials.towns import Town, a_package

PATIENCE = 180.0
"""Seconds within which whatever a death left is done: leases last 5, the longest rest is 60."""


@dataclass
class Scene:
    """One place, on a running stack. What the flow does that ends otherwise than usual is noted here."""

    run: Run
    levers: Levers
    town: Town
    place: str
    folder: Path
    transfers: list[str] = field(default_factory=list)
    purged: list[HoldingKey] = field(default_factory=list)
    again: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Have the folder: traces of workers, packages, back-ups."""
        self.folder.mkdir(exist_ok=True)

    @contextmanager
    def dying(self, room: str = "storage", also: Mapping[str, str] | None = None) -> Iterator[None]:
        """Have the workers of a room die at the place, to which the block leads them, and come back after it."""
        with parted(self.levers, room, self.folder, also) as one, one.dying(self.place):
            yield

    def deposit(self, files: int = 3) -> None:
        """Send a package of so many small files; it is not accepted yet."""
        sip = a_package(self.folder / f"{len(self.transfers)}.zip", files=files)
        with self.town.client() as client:
            self.transfers.append(client.deposit(sip, self.town.agreement))

    def aip(self) -> str:
        """Wait until every deposit is accepted; return the last one's AIP."""
        until_all(self.levers, self.transfers, "accepted", patience=PATIENCE)
        [row] = self.levers.ask("SELECT aip_id FROM ingest.transfer WHERE id = $1", UUID(self.transfers[-1]))
        return str(row["aip_id"])

    def stored_aip(self) -> str:
        """Have a deposit accepted, and all it set going done; return its AIP."""
        self.deposit()
        aip = self.aip()
        until_idle(self.levers, patience=PATIENCE)
        return aip

    def until_rows(self, query: str, *values: object, wanted: Callable[[Sequence[Any]], bool] = bool) -> list[Any]:
        """Ask storage's tables until the rows are as wanted; return them."""

        def asked() -> list[Any]:
            rows = self.levers.ask(query, *values, room="storage")
            return [rows] if wanted(rows) else []

        [rows] = until(asked, patience=PATIENCE)
        return list(rows)

    def until_whole(self, aip: str) -> None:
        """Wait until an AIP is stored and each of its copies was read back whole within the last day."""
        self.until_rows(
            """SELECT 1 FROM holding WHERE id = $1::uuid HAVING bool_and(state = 'stored') AND NOT EXISTS (
                   SELECT FROM copy WHERE holding = $1::uuid
                   AND (state NOT IN ('verified', 'retired') OR verified_at < now() - interval '1 day'))""",
            aip,
        )

    def require_repaired(self, aip: str, times: int = 1) -> None:
        """See that the journal tells so many times that a copy of an AIP was lost, and that it is whole again."""
        until_idle(self.levers, patience=PATIENCE)
        rows = self.levers.ask("SELECT body FROM proof.line WHERE body LIKE $1", f"%{aip}%".encode())
        told = [json.loads(row["body"]) for row in rows]
        lines = [(line["action"], line["outcome"]) for line in told]
        found = lines.count(("copy.written", "ko")), lines.count(("copy.repaired", "ok"))
        agree(f"losses and repairs of {aip}", found, (times, times))

    def operator(self) -> httpx.Client:
        """Return a plain HTTP client of a new operator of the platform."""
        with self.town.archive.administrator() as admin:
            made = create_client(admin, "exploitation", [Mandate("*", ("operator",))])
        return self.town.archive.http(self.town.archive.token(made.client_id, made.client_secret))

    def order_purge(self, aip: str, units: Sequence[str] = ()) -> None:
        """Order what admin orders once an elimination is signed and visaed: no route does it yet."""
        order = PurgeOrder(
            id=new_id(),
            establishment=UUID(self.town.establishment),
            aip=UUID(aip),
            scope="units" if units else "aip",
            units=tuple(map(UUID, units)),
            list_sha512="1" * 128,
            visa_sha512="2" * 128,
            ordered_at=now(),
            ordered_by="client:trials",
        )
        asyncio.run(self._order(order))

    async def _order(self, order: PurgeOrder) -> None:
        server = self.levers.stack.start_postgres()
        database = RoomDatabase(room_engine(server.url(role_of("admin")), "admin"), "admin")
        try:
            async with database.begin() as tx:
                await order_purge(tx, order)
        finally:
            await database.engine.dispose()

    def until_purged(self, aip: str) -> None:
        """Wait until the order on an AIP is carried out."""
        self.until_rows("SELECT 1 FROM purge_order WHERE aip = $1::uuid AND state = 'done'", aip)

    def gauge(self, sample: str) -> float:
        """Return what storage's metrics show, 0 where they show no such thing."""
        room = self.levers.room("storage")
        shown = httpx.get(f"{room.url}/storage/metrics", timeout=30).raise_for_status().text
        values = [line.rpartition(" ")[2] for line in shown.splitlines() if line.rpartition(" ")[0] == sample]
        return float(values[0]) if values else 0.0
