"""What hands found whole is written down by one statement: each under its own lease, however many there are."""

from dataclasses import replace
from datetime import timedelta

import pytest
from asyncpg.exceptions import AdminShutdownError, UniqueViolationError
from sqlalchemy import event

from services.storage.auditing import AUDIT
from services.storage.domain.audits import Examined, Verdict
from services.storage.queries import audits, readings
from services.storage.queries.audits import Hand
from shared.clock import now
from shared.database.outage import is_outage
from shared.messaging.lease import Lease
from tests.integration.storage.audited import an_auditor, audit, stored
from tests.integration.storage.depot import Depot

pytestmark = pytest.mark.integration


async def read_by_both(depot: Depot) -> list[tuple[Lease, Hand, Examined]]:
    """Each site's only hand has read the copy that is longest unread, and noted nothing yet."""
    one_hand = replace(depot, settings=depot.settings.model_copy(update={"audit_hands": 1}))
    await an_auditor(one_hand).ask(depot.database)
    found = []
    for held in await depot.lease(AUDIT):
        hand = Hand(held.key.partition("/")[0], 0, 1)
        async with depot.database.reading() as connection:
            (due,) = await audits.due(connection, hand, now(), None, 1)
        found.append((held, hand, Examined(due, Verdict.WHOLE, due.expected, now(), 0.5, overlaid=False)))
    return found


async def counted(depot: Depot) -> list[tuple[object, ...]]:
    rows = await depot.databases.as_superuser("SELECT * FROM storage.audit_hand ORDER BY site")
    return [
        tuple(row[name] for name in ("site", "copies", "bytes", "recent_bytes", "recent_seconds")) for row in rows
    ]


async def moved(depot: Depot) -> list[str]:
    statement = "SELECT site FROM storage.copy WHERE verified_at > now() - interval '1 hour' ORDER BY site"
    return [row["site"] for row in await depot.databases.as_superuser(statement)]


async def test_a_lease_that_is_another_s_takes_nothing_from_the_other_hands(depot: Depot) -> None:
    await stored(depot, 1)
    found = await read_by_both(depot)
    theirs, ours = sorted(found, key=lambda one: one[1].site)
    await depot.databases.as_superuser("UPDATE storage.work SET epoch = epoch + 1 WHERE key = 'a/0'")

    async with depot.database.reading() as connection:
        assert await readings.note_whole(connection, [theirs, ours]) == {ours[0].id}

    size = ours[2].due.expected.size
    assert (await moved(depot), await counted(depot)) == (["b"], [("b", 1, size, size, 0.5)])


async def test_a_copy_that_was_written_anew_meanwhile_is_counted_and_stays_where_it_is(depot: Depot) -> None:
    await stored(depot, 1)
    found = await read_by_both(depot)
    await depot.databases.as_superuser("UPDATE storage.copy SET written_at = now() WHERE site = 'a'")

    async with depot.database.reading() as connection:
        assert len(await readings.note_whole(connection, found)) == 2
        later = [(held, hand, replace(one, at=one.at - timedelta(days=30))) for held, hand, one in found]
        # Twice, and by an older reading: sums fade by a thousandth, and no moment goes back.
        await readings.note_whole(connection, later)

    size = found[0][2].due.expected.size
    assert await moved(depot) == ["b"]
    sums = (2, 2 * size, pytest.approx(1.999 * size), pytest.approx(0.9995))
    assert await counted(depot) == [("a", *sums), ("b", *sums)]


async def test_what_lies_above_nothing_any_more_is_forgotten(depot: Depot) -> None:
    await stored(depot, 1)
    (unseen, seen) = await read_by_both(depot)
    await depot.databases.as_superuser("UPDATE storage.copy SET overlaid_at = now()")

    async with depot.database.reading() as connection:
        await readings.note_whole(connection, [(*unseen[:2], replace(unseen[2], overlaid=None)), seen])

    rows = await depot.databases.as_superuser("SELECT site FROM storage.copy WHERE overlaid_at IS NOT NULL")
    assert [row["site"] for row in rows] == [unseen[1].site]


@pytest.mark.parametrize("copies", [2, 12])
async def test_copies_that_are_whole_need_no_transaction(depot: Depot, copies: int) -> None:
    await stored(depot, copies)
    one_hand = replace(depot, settings=depot.settings.model_copy(update={"audit_hands": 1}))
    commits: list[object] = []
    event.listen(depot.database.engine.sync_engine, "commit", commits.append)

    await audit(one_hand)

    # The rows of the hands are asked for; then each of the two gives its row back.
    assert len(commits) == 3
    assert [copies_read for _, copies_read, *_ in await counted(depot)] == [copies, copies]


def test_a_database_that_goes_away_is_no_fault_of_the_copy() -> None:
    assert is_outage(AdminShutdownError("terminating connection due to administrator command"))
    assert not is_outage(UniqueViolationError("duplicate key"))
