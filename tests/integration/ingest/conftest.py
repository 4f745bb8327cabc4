"""Ingest at its bench: real database, real staging, real child processes, and the real admin to ask."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from pydantic import SecretStr

from services.admin.settings import AdminSettings
from services.admin.wiring import build as build_admin
from services.ingest.adapters.children import Children
from services.ingest.adapters.rules import RuleReferential
from services.ingest.parts import Ingest
from services.ingest.settings import IngestSettings
from services.local.ports import free_ports
from services.local.postgres import Postgres
from shared.calls import RoomCalls
from shared.messaging.local import LocalTransport
from shared.object_store.filesystem import FilesystemStore
from shared.settings import RoomSettings
from tests.builders.callers import SECRET, a_verifier
from tests.integration.ingest.bench import Bench
from tests.servers import Databases, fresh


@pytest.fixture(scope="session")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("ingest", "admin"))


@pytest.fixture(scope="session")
async def children() -> AsyncIterator[Children]:
    """Two processes for the whole run: they take a while to load the signatures."""
    pool = Children(2)
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
async def admin_settings(databases: Databases) -> AsyncIterator[RoomSettings]:
    """Admin as it is, on loopback: where it answers, and the secret that rooms share."""
    (port,) = free_ports(1)
    settings = RoomSettings(
        database_url=SecretStr(databases.url("admin")),
        internal_secret=SecretStr(SECRET),
        base_url=f"http://127.0.0.1:{port}",
    )
    admin = build_admin(settings, AdminSettings(), LocalTransport())
    admin.app.state.verifier = a_verifier()
    server = uvicorn.Server(uvicorn.Config(admin.app, port=port, lifespan="off", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield settings
    server.should_exit = True
    await serving
    for close in admin.close:
        await close()
    await admin.foundation.calls.close()
    await admin.foundation.database.engine.dispose()


@pytest.fixture
async def bench(
    databases: Databases, children: Children, admin_settings: RoomSettings, tmp_path: Path
) -> AsyncIterator[Bench]:
    """Nothing was deposited yet; no work, no messages, an empty staging."""
    await databases.as_superuser(
        """TRUNCATE ingest.transfer, ingest.agreement, ingest.intake, ingest.outbox, ingest.inbox, ingest.work,
                    ingest.dead_letter, ingest.journal_head, ingest.upload, ingest.upload_piece, ingest.profile,
                    ingest.profile_content"""
    )
    folder = tmp_path / "staging"
    staging = FilesystemStore(folder)
    await staging.prepare()
    database, calls = databases.room("ingest"), RoomCalls(admin_settings, "ingest")
    ingest = Ingest(database, calls, staging, IngestSettings(staging_url=folder.as_uri(), clamd=None))
    yield Bench(databases, ingest, children, RuleReferential(calls), tmp_path, admin_settings.base_url)
    await calls.close()
    await staging.close()
    await database.engine.dispose()


@pytest.fixture
def without_scanner(bench: Bench) -> Bench:
    """The same bench, told of a scanner that does not answer."""
    settings = bench.ingest.settings.model_copy(update={"clamd": str(bench.folder / "nowhere.sock")})
    return replace(bench, ingest=replace(bench.ingest, settings=settings))
