"""Audits go on whatever a few copies do, and slowly where it is the site itself that loses them."""

from collections import Counter
from dataclasses import replace

import pytest

from services.storage.auditing import AUDIT
from services.storage.domain.audits import MOST_LOST, SLOW_SECONDS
from services.storage.domain.copies import CopyState
from services.storage.pacing import Times
from services.storage.standing import measure_standing
from shared.messages.ingest import AipBuiltV1
from shared.object_store.errors import StoreUnavailable
from tests.integration.storage.audited import an_auditor, audit, read_now, sample, stored, watched
from tests.integration.storage.depot import Depot

pytestmark = pytest.mark.integration

SLOW = 30.0
"""How long a worn disk takes to say that it cannot, in seconds of a clock of the test's."""


class Worn:
    """A site some of whose copies cannot be read, after half a minute each; a clock that only this moves."""

    def __init__(self, keys: set[str]) -> None:
        self.keys = keys
        self.asked: Counter[str] = Counter()
        self.now = 0.0

    @property
    def times(self) -> Times:
        return Times(lambda: self.now, self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def before(self, key: str) -> None:
        self.asked[key] += 1
        if key in self.keys:
            self.now += SLOW
            raise StoreUnavailable(f"{key}: Input/output error")


async def keys_of(depot: Depot, messages: list[AipBuiltV1]) -> set[str]:
    return {(await depot.holding(message.aip_id)).key for message in messages}


def one_hand(depot: Depot, share: float = 1.0) -> Depot:
    settings = depot.settings.model_copy(update={"audit_hands": 1, "audit_share": share})
    return replace(depot, settings=settings)


async def test_copies_that_fail_slowly_stop_nobody_from_reading_the_others(depot: Depot) -> None:
    bad, others = (messages := await stored(depot, 5))[:3], messages[3:]
    worn = Worn(await keys_of(depot, bad))
    shared = watched(one_hand(depot, 0.2), "a", worn.before)

    # One reading that fails owes two minutes: more than a stint has. Each begins where the last one ended.
    for _ in range(len(bad) + 1):
        await audit(shared, an_auditor(shared, worn.times))
        await depot.release()

    assert [await read_now(depot, message.aip_id) for message in others] == [{"a", "b"}] * 2
    assert [worn.asked[key] for key in worn.keys] == [1, 1, 1]
    # The walk is over: the next one tries them anew.
    await audit(shared, an_auditor(shared, worn.times))
    assert sum(worn.asked[key] for key in worn.keys) == 4


async def test_a_hand_that_dies_after_an_unreadable_copy_goes_on_behind_it(depot: Depot) -> None:
    bad, second, _ = await stored(depot, 3)
    worn = Worn(await keys_of(depot, [bad]))
    (key,) = await keys_of(depot, [second])

    class Dies(BaseException): ...

    async def before(asked: str) -> None:
        await worn.before(asked)
        if asked == key and worn.asked[key] == 1:
            raise Dies

    shared = watched(one_hand(depot), "a", before)
    with pytest.raises(Dies):
        await audit(shared)
    await depot.release()
    await audit(shared)

    assert worn.asked[next(iter(worn.keys))] == 1
    assert await read_now(depot, second.aip_id) == {"a", "b"}


async def test_a_walk_that_left_a_copy_behind_for_a_day_begins_anew(depot: Depot) -> None:
    bad, *_ = await stored(depot, 2)
    worn = Worn(await keys_of(depot, [bad]))
    shared = watched(one_hand(depot, 0.2), "a", worn.before)
    await audit(shared, an_auditor(shared, worn.times))
    await depot.release()
    aged = """UPDATE storage.work SET payload =
              jsonb_set(payload, '{left,left_at}', to_jsonb((now() - interval '25 hours')::text)) WHERE key = 'a/0'"""
    await depot.databases.as_superuser(aged)

    await audit(shared, an_auditor(shared, worn.times))

    assert worn.asked[next(iter(worn.keys))] == 2


async def test_an_emptied_site_is_lost_slowly_and_loudly(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("services.storage.auditing.MOST_LOST", 3)
    assert MOST_LOST == 100
    messages = await stored(depot, 5)
    for message in messages:
        depot.file("a", (await depot.copies(message.aip_id))["a"].key).unlink()
    shared = one_hand(depot)

    await audit(shared)

    states = [(await depot.copies(message.aip_id))["a"].state for message in messages]
    assert Counter(states) == {CopyState.LOST: 3, CopyState.VERIFIED: 2}
    told = [line for line in caplog.records if "loses its copies" in line.message]
    assert [(line.levelname, line.__dict__["site"]) for line in told] == [("CRITICAL", "a")]
    (row,) = await depot.databases.as_superuser(
        "SELECT extract(epoch FROM not_before - now()) AS rests FROM storage.work WHERE key = 'a/0'"
    )
    assert SLOW_SECONDS - 30 < row["rests"] <= SLOW_SECONDS
    await measure_standing(["a", "b"], depot.database)
    assert [sample("site_losing", site=site) for site in "ab"] == [1, 0]

    # The rest follows, and then it is over.
    await depot.release()
    for held in await depot.lease(AUDIT):
        await an_auditor(shared).audit(held)
    assert {(await depot.copies(message.aip_id))["a"].state for message in messages} == {CopyState.LOST}
    await measure_standing(["a", "b"], depot.database)
    assert sample("site_losing", site="a") == 0
