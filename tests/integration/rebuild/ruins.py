"""What a test does with a site that is left: rebuild from it, look at what came back."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.kept_sites import SITES, KeptSite
from services.rebuild.house import House
from services.rebuild.report import Report
from services.rebuild.run import rebuild
from services.rebuild.scratch import scratch
from shared.messaging.transaction import RoomDatabase
from shared.object_store.filesystem_site import FilesystemSite
from shared.object_store.keeping import SiteStore
from shared.rooms import ROOMS
from tests.servers import Databases

TABLES = (
    "admin.organisation",
    "admin.agreement_version",
    "proof.line",
    "proof.container",
    "proof.batch",
    "storage.holding",
    "storage.copy",
    "data_management.aip",
    "data_management.unit",
    "data_management.unit_child",
    "ingest.agreement",
    "ingest.transfer",
    "ingest.intake",
)


@dataclass
class Ruins:
    """A site and the databases to fill."""

    databases: Databases
    rooms: Mapping[str, RoomDatabase]
    store: SiteStore
    folder: Path
    others: Mapping[str, SiteStore]

    @classmethod
    async def of(cls, databases: Databases, folder: Path) -> "Ruins":
        store, other = FilesystemSite(folder), FilesystemSite(folder.with_name("site-b"))
        for one in (store, other):
            await one.prepare()
        return cls(databases, {room: databases.room(room) for room in ROOMS}, store, folder, {SITES[1]: other})

    async def close(self) -> None:
        for one in (self.store, *self.others.values()):
            await one.close()
        await self.close_rooms()

    async def close_rooms(self) -> None:
        for room in self.rooms.values():
            await room.engine.dispose()

    def lay(self, site: KeptSite) -> None:
        """Have both sites hold what an archive has left."""
        for folder in self.folders:
            for area in folder.iterdir():
                if not area.name.startswith("."):
                    shutil.rmtree(area)
            site.write_to(folder)

    def plant(self, key: str, content: bytes) -> None:
        """Put an object on the site that is read, and nowhere else."""
        (self.folder / key).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / key).write_bytes(content)

    @property
    def folders(self) -> tuple[Path, Path]:
        return self.folder, self.folder.with_name("site-b")

    async def rebuild(
        self, *, dry: bool = False, take_unlogged: bool = False, say: Callable[[str], None] = lambda _: None
    ) -> Report:
        report = Report(say=say)
        with scratch() as facts:
            house = House(
                self.rooms, SITES[0], self.store, SITES, facts, report, dry, self.others, take_unlogged=take_unlogged
            )
            await rebuild(house, "operator:test")
        return report

    async def rows(self, question: str, *arguments: object) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.databases.as_superuser(question, *arguments)]

    async def counts(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for table in TABLES:
            (row,) = await self.rows(f"SELECT count(*) AS many FROM {table}")  # noqa: S608
            found[table] = row["many"]
        return found

    async def content(self) -> dict[str, list[str]]:
        """Every row of the tables that come back, but for what says when."""
        found = {}
        for table in TABLES:
            rows = await self.rows(f"SELECT to_jsonb(one)::text AS row FROM {table} AS one ORDER BY 1")  # noqa: S608
            found[table] = [row["row"] for row in rows]
        return found
