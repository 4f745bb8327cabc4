"""The audit: a worker of storage reads every copy again, against plain Python that hashes the same files."""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import make_url

import services
from bench.baseline import BadCopyError, digest_of
from bench.driver import DepositFailed
from bench.figures import MIB, Figure, Outcome, Verdict
from bench.options import Options
from bench.processes import Watch
from services.local import postgres, postgres_roles, processes
from services.local.settings import room_environment
from services.storage.domain.keys import aip_key
from services.storage.runs import ask_monthly
from shared.checksums import sha512_of
from shared.database.engine import role_of, room_engine
from shared.database.migrations import upgrade
from shared.messaging.transaction import RoomDatabase
from shared.object_store.filesystem_site import FilesystemSite

SITES = ("site-a", "site-b")
HANDS = 8
"""Hands of each site, and threads of the baseline for each."""

RATIO = 0.7
LOOK = 0.2
_LONG_AGO = "now() - interval '80 days'"


@dataclass(frozen=True, slots=True)
class Shelf:
    """AIPs on two sites, as the copy map has them: id, key and digest of each."""

    folder: Path
    establishment: UUID
    aips: Sequence[tuple[UUID, str, str]]
    size: int

    def files(self) -> Iterator[tuple[Path, str]]:
        """Every copy's file, and its digest; site by site, as a plain reader would."""
        for site in SITES:
            for _, key, digest in self.aips:
                yield self.folder / site / key, digest


def audit(options: Options, folder: Path) -> Outcome:
    """Make AIPs on two folders, hash them all in plain Python, then have storage audit them."""
    folder.mkdir()
    shelf = asyncio.run(_fill(folder, options))
    os.sync()
    with _database(folder / "postgres") as server:
        asyncio.run(_note(server, shelf))
        before = _plain(shelf)
        with Watch(("storage",)) as watch:
            seconds = _audited(server, shelf)
        after = _plain(shelf)
    copies, size = len(shelf.aips) * len(SITES), len(shelf.aips) * len(SITES) * shelf.size
    raw = (before + after) / 2
    figures = (
        Figure("copies audited", copies),
        Figure("size of each", shelf.size / MIB, "MiB"),
        Figure("audit", size / MIB / seconds, "MiB/s"),
        Figure("audit", copies / seconds, "copies/s"),
        Figure("plain Python, before", size / MIB / before, "MiB/s"),
        Figure("plain Python, after", size / MIB / after, "MiB/s"),
        Figure("audit / plain", raw / seconds, "×"),
        Figure("CPU a copy, all processes", 1000 * watch.result.cpu_seconds / copies, "ms"),
    )
    verdict = Verdict("audit / SHA-512 speed", raw / seconds, RATIO, at_most=False)
    return Outcome("storage alone", "audit", copies, figures, (verdict,), watch.result)


async def _fill(folder: Path, options: Options) -> Shelf:
    chance = random.Random(f"audit/{options.seed}")  # noqa: S311 (test data, not secrets)
    establishment, block = uuid4(), chance.randbytes(options.audit_bytes)
    sites = [FilesystemSite(folder / site) for site in SITES]
    aips = []
    for site in sites:
        await site.prepare()
    for number in range(options.audit_count):
        aip_id = uuid4()
        key = aip_key(establishment, aip_id, 1)
        content = number.to_bytes(16, "big") + block[16:]
        digest = sha512_of(content)
        for name in SITES:
            path = folder / name / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        aips.append((aip_id, key, digest))
    for site in sites:
        await site.close()
    return Shelf(folder, establishment, aips, options.audit_bytes)


@contextmanager
def _database(folder: Path) -> Iterator[postgres.Postgres]:
    server = postgres.start(folder)
    try:
        asyncio.run(postgres_roles.provision(server.superuser_url))
        upgrade(server.url(postgres_roles.OWNER), "storage")
        yield server
    finally:
        postgres.stop(folder)


async def _connected(server: postgres.Postgres) -> asyncpg.Connection:
    url = make_url(server.url("postgres")).set(drivername="postgresql")
    return await asyncpg.connect(url.render_as_string(hide_password=False))


async def _note(server: postgres.Postgres, shelf: Shelf) -> None:
    """Write the copy map down as storing them would have left it, long ago."""
    database = RoomDatabase(room_engine(server.url(role_of("storage")), "storage"), "storage")
    # Compared with their lists this month already: here only the audit is measured.
    await ask_monthly(SITES, database)
    await database.engine.dispose()
    connection = await _connected(server)
    try:
        await connection.execute("DELETE FROM storage.work")
        await connection.executemany(
            """INSERT INTO storage.holding (id, version, kind, establishment, key, sha512, size, state, facts)
               VALUES ($1, 1, 'aip', $2, $3, $4, $5, 'stored', '{}')""",
            [(aip, shelf.establishment, key, digest, shelf.size) for aip, key, digest in shelf.aips],
        )
        await connection.execute(
            f"""INSERT INTO storage.copy (holding, version, site, state, written_by, written_at, verified_at)
                SELECT id, version, site, 'verified', gen_random_uuid(), {_LONG_AGO}, {_LONG_AGO}
                FROM storage.holding CROSS JOIN unnest($1::text[]) AS site""",  # noqa: S608 (ours)
            list(SITES),
        )
        await connection.execute("ANALYZE storage.holding, storage.copy")
    finally:
        await connection.close()


def _plain(shelf: Shelf) -> float:
    """Read and hash every copy from the disk, with as many threads as there are hands; return the seconds."""
    start = time.perf_counter()
    with ThreadPoolExecutor(HANDS * len(SITES)) as threads:
        for _ in threads.map(_hash, *zip(*shelf.files(), strict=True)):
            pass
    return time.perf_counter() - start


def _hash(path: Path, digest: str) -> None:
    with path.open("rb") as content:
        os.posix_fadvise(content.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if digest_of(path) != digest:
        raise BadCopyError(f"{path.name} is not what was written")


def _audited(server: postgres.Postgres, shelf: Shelf) -> float:
    """Have a worker audit every copy; return the seconds from its first copy to the last."""
    sites = [{"name": site, "kind": "filesystem", "place": site, "path": str(shelf.folder / site)} for site in SITES]
    environment = {
        **room_environment(),
        "PYTHONPATH": str(Path(services.__file__).parents[1]),
        "CHARTRIER_DATABASE_URL": server.url(role_of("storage")),
        "CHARTRIER_INTERNAL_SECRET": uuid4().hex * 2,
        "CHARTRIER_STAGING_URL": (shelf.folder / "staging").as_uri(),
        "CHARTRIER_SITES": json.dumps(sites),
        "CHARTRIER_AUDIT_SHARE": "1",
        "CHARTRIER_AUDIT_HANDS": str(HANDS),
    }
    command, log = (sys.executable, "-m", "bench.storage_worker"), shelf.folder / "worker.log"
    mark = processes.spawn(processes.Launch(command, environment, shelf.folder, shelf.folder / "worker.pid", log))
    try:
        return asyncio.run(_followed(server, len(shelf.aips) * len(SITES), partial(processes.is_alive, mark)))
    finally:
        processes.terminate(mark, grace=30.0)


async def _followed(server: postgres.Postgres, copies: int, lives: Callable[[], bool]) -> float:
    connection = await _connected(server)
    start: float | None = None
    begun = 0
    try:
        while lives():
            done = await connection.fetchval("SELECT coalesce(sum(copies), 0)::bigint FROM storage.audit_hand")
            if done and start is None:
                start, begun = time.perf_counter(), done
            if start is not None and done >= copies:
                # What was read before we first looked is no part of it.
                return (time.perf_counter() - start) * copies / max(copies - begun, 1)
            await asyncio.sleep(LOOK)
    finally:
        await connection.close()
    raise DepositFailed("the worker of storage ended: see its log")
