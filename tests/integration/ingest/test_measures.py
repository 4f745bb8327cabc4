"""Ingest tells what is on its way by state, without reading what is done, and when the last deposit came."""

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.ingest import queries
from services.ingest.measures import measure_transfers
from shared.clock import now
from shared.identifiers import new_id
from tests.integration.ingest.bench import Bench

pytestmark = pytest.mark.integration

INSERT = text("""
    INSERT INTO transfer (id, establishment, agreement, agreement_version, depositor, state, received_at, staging_key,
                          size, sha512)
    SELECT coalesce(:id, gen_random_uuid()), gen_random_uuid(), gen_random_uuid(), 1, 'x', :state,
           now() - make_interval(mins => :minutes), 'x', 1, gen_random_uuid()::text
    FROM generate_series(1, :count)""")


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"chartrier_{name}", labels)


async def add(bench: Bench, state: str, *, minutes: int, count: int = 1, newest: bool = False) -> None:
    values = {"id": new_id() if newest else None, "state": state, "minutes": minutes, "count": count}
    async with bench.database.begin() as tx:
        await tx.connection.execute(INSERT, values)


async def test_transfers_on_their_way_are_told_by_state(bench: Bench) -> None:
    await measure_transfers(bench.database)
    assert (sample("transfers_pending", state="storing"), sample("last_deposit_timestamp_seconds")) == (0, 0)

    await add(bench, "storing", minutes=30, count=2)
    await add(bench, "awaiting_decision", minutes=600)
    await add(bench, "accepted", minutes=9000, count=3)
    await measure_transfers(bench.database)

    assert [sample("transfers_pending", state=state) for state in ("storing", "awaiting_decision")] == [2, 1]
    assert sample("transfers_pending", state="accepted") is None
    assert 1700 < (sample("transfers_pending_oldest_seconds", state="storing") or 0) < 2700
    assert sample("transfers_pending_oldest_seconds", state="checking") == 0


async def test_the_last_deposit_is_the_one_that_came_last(bench: Bench) -> None:
    await add(bench, "accepted", minutes=10, newest=True)

    await measure_transfers(bench.database)

    assert now().timestamp() - (sample("last_deposit_timestamp_seconds") or 0) == pytest.approx(600, abs=120)


async def test_what_is_done_is_not_read_to_count_what_is_not(bench: Bench) -> None:
    await add(bench, "accepted", minutes=10, count=3000)
    await add(bench, "storing", minutes=10)
    await bench.databases.as_superuser("ANALYZE ingest.transfer")

    async with bench.database.reading() as connection:
        asked = str(queries.PENDING.compile(connection.engine.sync_engine))
        plan = "\n".join(row[0] for row in await connection.execute(text(f"EXPLAIN {asked}")))

    assert "ix_transfer_unfinished" in plan
    assert "Seq Scan" not in plan
