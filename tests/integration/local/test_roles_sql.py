"""deploy/compose/roles.sql makes of an empty server what services/local/postgres_roles.py does, with passwords."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from services.local import postgres, postgres_roles
from services.local.settings import server_environment
from shared.database.engine import role_of
from shared.database.migrations import upgrade_all
from shared.rooms import ROOMS

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).parents[3] / "deploy" / "compose" / "roles.sql"
ROLES = [postgres_roles.OWNER, *(role_of(room) for room in ROOMS)]
# What the script of an installation made by hand and the one of our own processes should agree upon.
RIGHTS = """
    SELECT pg_get_userbyid(datdba),
           (SELECT array_agg((pg_get_userbyid(grantee), privilege_type)::text ORDER BY 1) FROM aclexplode(datacl))
    FROM pg_database WHERE datname = $1
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[postgres.Postgres]:
    yield postgres.start(tmp_path / "pg")
    postgres.stop(tmp_path / "pg")


def play(server: postgres.Postgres) -> None:
    passwords = {f"PASSWORD_{role.removeprefix('chartrier_').upper()}": f"it's {role}" for role in ROLES}
    words = ("--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--quiet", "--file", str(SCRIPT), "postgres")
    subprocess.run(
        [postgres.programs() / "psql", "-h", str(server.socket_dir), "-U", "postgres", *words],
        env={**server_environment(server.folder), **passwords},
        check=True,
        capture_output=True,
    )


async def test_it_makes_what_the_full_stack_makes_twice_if_need_be(server: postgres.Postgres) -> None:
    await asyncio.to_thread(play, server)
    await asyncio.to_thread(play, server)
    await postgres_roles.provision(server.superuser_url, database="by_code")
    session = await asyncpg.connect(host=str(server.socket_dir), port=5432, user="postgres", database="chartrier")
    try:
        by_script, by_code = [await session.fetchrow(RIGHTS, name) for name in ("chartrier", "by_code")]
        with_password = await session.fetch("SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL")
        extensions = await session.fetch("SELECT extname FROM pg_extension")
    finally:
        await session.close()

    assert by_script == by_code
    assert {row["rolname"] for row in with_password} == set(ROLES)
    assert "unaccent" in {row["extname"] for row in extensions}
    await asyncio.to_thread(upgrade_all, server.url(postgres_roles.OWNER))
