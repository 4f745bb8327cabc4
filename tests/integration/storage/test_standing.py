"""What went wrong with copies is told from the database for as long as it is so, and no restart ends it."""

from datetime import timedelta

import pytest
from sqlalchemy import Interval, bindparam, text

from services.storage.handlers import VERIFY, WRITE
from services.storage.queries import standing as queries
from services.storage.standing import measure_standing
from shared.object_store.errors import StoreUnavailable
from tests.integration.storage.audited import audit, nothing, sample, stored, watched
from tests.integration.storage.depot import Depot, spoil
from tests.integration.storage.harm import background

pytestmark = pytest.mark.integration


async def standing(depot: Depot, what: str) -> tuple[float, float]:
    """What metrics tell of both sites: read anew, as by a process that has just started."""
    await measure_standing(["a", "b"], depot.database)
    return sample(what, site="a"), sample(what, site="b")


async def test_a_copy_that_cannot_be_read_is_told_of_until_it_is_read(depot: Depot) -> None:
    bad, _ = await stored(depot, 2)
    key = (await depot.holding(bad.aip_id)).key

    async def worn(asked: str) -> None:
        if asked == key:
            raise StoreUnavailable(f"{key}: Input/output error")

    await audit(watched(depot, "a", worn))
    assert await standing(depot, "copies_unreadable") == (1, 0)

    await depot.release()
    await audit(watched(depot, "a", nothing))
    assert await standing(depot, "copies_unreadable") == (0, 0)
    left = await depot.databases.as_superuser("SELECT unread_at FROM storage.copy WHERE unread_at IS NOT NULL")
    assert left == []


async def test_a_copy_that_was_read_whole_by_whoever_it_was_is_not_unreadable(depot: Depot) -> None:
    await stored(depot, 1)
    await depot.databases.as_superuser("UPDATE storage.copy SET unread_at = now(), verified_at = now()")
    assert await standing(depot, "copies_unreadable") == (0, 0)
    await depot.databases.as_superuser("UPDATE storage.copy SET unread_at = now() + interval '1 s', state = 'lost'")
    assert await standing(depot, "copies_unreadable") == (0, 0)


async def test_a_copy_that_was_lost_is_told_of_until_an_hour_after_it_is_whole_again(depot: Depot) -> None:
    (message,) = await stored(depot, 1)
    assert await standing(depot, "copies_lost_lately") == (0, 0)
    spoil(depot.file("a", (await depot.copies(message.aip_id))["a"].key))
    await audit(depot)

    (held,) = await background(depot, WRITE)
    await depot.keeper.write(held)
    assert await standing(depot, "copies_lost_lately") == (1, 0)
    (held,) = await background(depot, VERIFY)
    await depot.keeper.verify(held)
    assert await standing(depot, "copies_lost_lately") == (1, 0)

    await depot.databases.as_superuser("UPDATE storage.copy SET repaired_at = repaired_at - interval '61 minutes'")
    assert await standing(depot, "copies_lost_lately") == (0, 0)
    assert (await depot.copies(message.aip_id))["a"].state == "verified"


async def test_what_is_on_its_way_back_is_counted_without_reading_what_a_rebuild_brought(depot: Depot) -> None:
    await stored(depot, 1)
    # After a rebuild every copy is written and not read yet.
    for statement in (
        """INSERT INTO storage.holding
           SELECT (jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid(), 'key', 'k' || n))).*
           FROM storage.holding AS one, generate_series(1, 3000) AS n""",
        """INSERT INTO storage.copy (holding, version, site, state, written_at)
           SELECT id, version, 'a', 'written', now() FROM storage.holding WHERE key LIKE 'k%'""",
        "ANALYZE storage.copy",
    ):
        await depot.databases.as_superuser(statement)

    async with depot.database.reading() as connection:
        asked = text(f"EXPLAIN {queries.LOST_LATELY.text}").bindparams(bindparam("lately", type_=Interval))
        plan = "\n".join(row[0] for row in await connection.execute(asked, {"lately": timedelta(hours=1)}))

    assert "ix_copy_returning" in plan
    assert "Seq Scan" not in plan
    assert "ix_copy_unread" not in plan
