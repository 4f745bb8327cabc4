"""A site that an archive has left, and empty databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.kept_sites import KeptSite
from services.local.postgres import Postgres
from shared.rooms import ROOMS
from tests.builders.kept_proofs import prove
from tests.integration.rebuild.ruins import Ruins
from tests.servers import Databases, copied, fresh


@pytest.fixture(scope="module")
def pattern(postgres_server: Postgres) -> Databases:
    """A database as the migrations leave it, from which each test's is copied."""
    return fresh(postgres_server, ROOMS)


@pytest.fixture
def databases(pattern: Databases) -> Databases:
    return copied(pattern)


@pytest.fixture(scope="module")
def kept() -> KeptSite:
    """Three small AIPs and a large one, one that was purged, an anchor and a seal; containers of a few lines each."""
    site = KeptSite(lines_each=6)
    site.found()
    for units in (1, 3, 2, 3000):
        site.deposit(units)
    site.purge(site.deposit(4))
    prove(site)
    site.close()
    return site


@pytest.fixture
async def ruins(databases: Databases, kept: KeptSite, tmp_path: Path) -> AsyncIterator[Ruins]:
    found = await Ruins.of(databases, tmp_path / "site-a")
    found.lay(kept)
    yield found
    await found.close()
