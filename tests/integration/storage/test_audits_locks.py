"""Audits of buckets: locks are renewed, and what a stranger put above our versions is told and changes nothing."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from services.local import seaweedfs
from services.storage.examining import Examiner
from services.storage.findings import RENEW, look_again
from services.storage.renewing import Renewer
from services.storage.settings import SiteSettings
from services.storage.sites import bucket_of
from services.storage.standing import measure_standing
from shared.checksums import sha512_of
from shared.clock import now
from shared.messaging.lease import Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.work import enqueue, postpone
from shared.object_store.errors import ObjectLocked, StoreUnavailable
from shared.object_store.port import ObjectFacts, Retention
from shared.object_store.s3_site import S3Site
from tests.integration.storage.audit_door import asked, told, work_off
from tests.integration.storage.audited import audit, read_now, sample, stored
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot

pytestmark = pytest.mark.integration


@pytest.fixture
async def buckets(open_depot: OpenDepot) -> Depot:
    return await open_depot("buckets")


def declared(depot: Depot, site: str) -> SiteSettings:
    (found,) = (one for one in depot.settings.sites if one.name == site)
    return found


async def locked_until(depot: Depot, site: str, key: str, version_id: str | None) -> datetime:
    facts = await depot.sites[site].store.stat(key, version_id)
    assert facts.retention is not None
    return facts.retention.until


async def test_a_copy_that_was_read_whole_is_locked_for_the_whole_retention_from_then_on(buckets: Depot) -> None:
    (message,) = await stored(buckets, 1)
    longer = buckets.settings.model_copy(update={"retention_days": 30})

    await audit(replace(buckets, settings=longer))

    for site, copy in (await buckets.copies(message.aip_id)).items():
        left = await locked_until(buckets, site, copy.key, copy.version_id) - now()
        assert timedelta(days=29) < left < timedelta(days=31)


async def test_a_lock_that_lasts_longer_already_is_left_alone(buckets: Depot) -> None:
    (message,) = await stored(buckets, 1)
    copy = (await buckets.copies(message.aip_id))["a"]
    mode = buckets.sites["a"].site.lock
    assert mode is not None
    until = (now() + timedelta(days=9)).replace(microsecond=0)
    await buckets.sites["a"].store.renew(copy.key, copy.version_id, Retention(mode, until))
    refused = sample("locks_not_renewed_total", site="a")

    await audit(buckets)

    assert await locked_until(buckets, "a", copy.key, copy.version_id) == until
    assert (sample("locks_not_renewed_total", site="a"), await read_now(buckets, message.aip_id)) == (
        refused,
        {"a", "b"},
    )


@pytest.mark.parametrize("error", [ObjectLocked("refused"), StoreUnavailable("503")], ids=["refused", "failing"])
async def test_a_lock_that_is_not_renewed_is_no_loss_and_asked_for_until_it_is(
    buckets: Depot, error: Exception
) -> None:
    (message,) = await stored(buckets, 1)
    copy = (await buckets.copies(message.aip_id))["a"]

    class Unwilling(S3Site):
        @override
        async def renew(self, key: str, version_id: str | None, retention: Retention) -> None:
            raise error

    longer = replace(buckets, settings=buckets.settings.model_copy(update={"retention_days": 30}))
    unwilling = longer.with_site("a", Unwilling(bucket_of(declared(buckets, "a"))))
    before = sample("locks_not_renewed_total", site="a")
    await audit(unwilling)

    assert await read_now(buckets, message.aip_id) == {"a", "b"}
    assert sample("locks_not_renewed_total", site="a") == before + 1
    assert (await buckets.work()).count("renew a") == 1

    refusing = Renewer(buckets.database, Examiner(buckets.database, unwilling.sites, timedelta(days=30)))
    (held,) = await buckets.lease(RENEW)
    with pytest.raises(TryAgain) as why:
        await refusing.renew(held)
    async with buckets.database.begin() as tx:
        await postpone(tx, held, str(why.value))
    assert await locks_owed(buckets) == (1, 0)
    await buckets.release()
    willing = Renewer(buckets.database, Examiner(buckets.database, buckets.sites, timedelta(days=30)))
    assert await buckets.refused_for_now(willing.renew, RENEW) == 0

    left = await locked_until(buckets, "a", copy.key, copy.version_id) - now()
    assert timedelta(days=29) < left < timedelta(days=31)
    assert "renew a" not in await buckets.work()
    assert await locks_owed(buckets) == (0, 0)


async def locks_owed(depot: Depot) -> tuple[float, float]:
    """What metrics tell of both sites: read from the database, as a process that has just started would."""
    await measure_standing(["a", "b"], depot.database)
    return sample("locks_to_renew", site="a"), sample("locks_to_renew", site="b")


async def overlaid(depot: Depot) -> float:
    """Above how many copies of site a something lies, as any process that starts now tells."""
    await measure_standing(["a", "b"], depot.database)
    return sample("copies_overlaid", site="a")


async def test_a_copy_ordered_to_be_purged_while_it_is_read_is_locked_no_longer(buckets: Depot) -> None:
    (message,) = await stored(buckets, 1)
    copies = await buckets.copies(message.aip_id)
    before = {site: await locked_until(buckets, site, copy.key, copy.version_id) for site, copy in copies.items()}

    class Ordered(S3Site):
        @override
        async def topmost(self, key: str) -> ObjectFacts | None:
            found = await super().topmost(key)
            await buckets.databases.as_superuser("UPDATE storage.holding SET state = 'purging'")
            return found

    longer = replace(buckets, settings=buckets.settings.model_copy(update={"retention_days": 30}))
    await audit(longer.with_site("a", Ordered(bucket_of(declared(buckets, "a")))))

    copy = copies["a"]
    assert await locked_until(buckets, "a", copy.key, copy.version_id) == before["a"]
    assert "renew a" not in await buckets.work()


async def test_the_renewer_moves_no_lock_of_what_is_ordered_to_be_purged_meanwhile(buckets: Depot) -> None:
    (message,) = await stored(buckets, 1)
    copy = (await buckets.copies(message.aip_id))["a"]
    before = await locked_until(buckets, "a", copy.key, copy.version_id)

    class Ordered(S3Site):
        @override
        async def topmost(self, key: str) -> ObjectFacts | None:
            await buckets.databases.as_superuser("UPDATE storage.holding SET state = 'purging'")
            return await super().topmost(key)

    site = buckets.with_site("a", Ordered(bucket_of(declared(buckets, "a"))))
    renewer = Renewer(buckets.database, Examiner(buckets.database, site.sites, timedelta(days=30)))
    async with buckets.database.begin() as tx:
        await enqueue(tx, RENEW, Piece(f"{message.aip_id}/1/a"))

    assert await buckets.refused_for_now(renewer.renew, RENEW) == 0
    assert await locked_until(buckets, "a", copy.key, copy.version_id) == before


async def test_a_strange_version_found_at_the_second_look_is_told_until_it_is_gone(
    buckets: Depot, seaweed: seaweedfs.Site
) -> None:
    (message,) = await stored(buckets, 1)
    copy = (await buckets.copies(message.aip_id))["a"]
    strange = await buckets.sites["a"].store.put_over(copy.key, b"other", size=5, sha512=sha512_of(b"other"))
    renewer = Renewer(buckets.database, Examiner(buckets.database, buckets.sites, timedelta(days=30)))
    async with buckets.database.begin() as tx:
        await enqueue(tx, RENEW, Piece(f"{message.aip_id}/1/a"))

    assert await buckets.refused_for_now(renewer.renew, RENEW) == 0

    assert (await overlaid(buckets), len(await buckets.lines("copy.overlaid"))) == (1, 1)
    # Looked over every hour, told once.
    for still in (1, 0):
        await look_again(buckets.database)
        if not still:
            seaweed.client().remove_object(declared(buckets, "a").bucket or "", copy.key, strange.version_id)
        assert await buckets.refused_for_now(renewer.renew, RENEW) == 0
        assert (await overlaid(buckets), len(await buckets.lines("copy.overlaid"))) == (still, 1)
    await look_again(buckets.database)
    assert "renew a" not in await buckets.work()


async def test_a_sample_of_copies_under_something_strange_is_not_good(buckets: Depot) -> None:
    (message,) = await stored(buckets, 1)
    copy = (await buckets.copies(message.aip_id))["a"]
    await buckets.sites["a"].store.put_over(copy.key, b"other", size=5, sha512=sha512_of(b"other"))
    place = await asked(buckets, "samples", {"count": 1})

    await work_off(buckets)

    run = await told(buckets, place)
    assert (run["good"], run["named"]) == (False, [{"site": "a", "key": copy.key, "outcome": "overlaid"}])
    assert run["sites"][0]["counts"] == {"drawn": 1, "overlaid": 1}


@pytest.mark.parametrize("what", ["version", "marker"])
async def test_what_lies_above_our_version_is_told_and_our_copy_is_good(
    buckets: Depot, seaweed: seaweedfs.Site, what: str
) -> None:
    (message,) = await stored(buckets, 1)
    copy = (await buckets.copies(message.aip_id))["a"]
    # A stranger, who may write and delete as S3 lets whoever has the right.
    store = buckets.sites["a"].store
    if what == "version":
        await store.put_over(copy.key, b"other", size=5, sha512=sha512_of(b"other"))
    else:
        seaweed.client().remove_object(declared(buckets, "a").bucket or "", copy.key)

    await audit(buckets)

    assert await read_now(buckets, message.aip_id) == {"a", "b"}
    assert await overlaid(buckets) == 1
    (line,) = await buckets.lines("copy.overlaid")
    assert (line.outcome, line.object, line.establishment) == ("ko", f"aip:{message.aip_id}", message.establishment)
    assert (line.details["site"], line.details["version_id"]) == ("a", copy.version_id)
    assert timedelta(days=1) < await locked_until(buckets, "a", copy.key, copy.version_id) - now()
