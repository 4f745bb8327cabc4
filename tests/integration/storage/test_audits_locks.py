"""Audits of buckets: locks are renewed, and what a stranger put above our versions is told and changes nothing."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from services.local import seaweedfs
from services.storage.examining import Examiner
from services.storage.findings import RENEW
from services.storage.renewing import Renewer
from services.storage.settings import SiteSettings
from services.storage.sites import bucket_of
from shared.checksums import sha512_of
from shared.clock import now
from shared.object_store.errors import ObjectLocked, StoreUnavailable
from shared.object_store.port import Retention
from shared.object_store.s3_site import S3Site
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

    refusing = Renewer(buckets.database, Examiner(unwilling.sites, timedelta(days=30)))
    assert await buckets.refused_for_now(refusing.renew, RENEW) == 1
    await buckets.release()
    willing = Renewer(buckets.database, Examiner(buckets.sites, timedelta(days=30)))
    assert await buckets.refused_for_now(willing.renew, RENEW) == 0

    left = await locked_until(buckets, "a", copy.key, copy.version_id) - now()
    assert timedelta(days=29) < left < timedelta(days=31)
    assert "renew a" not in await buckets.work()


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
    before = sample("copies_overlaid_total", site="a")

    await audit(buckets)

    assert await read_now(buckets, message.aip_id) == {"a", "b"}
    assert sample("copies_overlaid_total", site="a") == before + 1
    (line,) = await buckets.lines("copy.overlaid")
    assert (line.outcome, line.object, line.establishment) == ("ko", f"aip:{message.aip_id}", message.establishment)
    assert (line.details["site"], line.details["version_id"]) == ("a", copy.version_id)
    assert timedelta(days=1) < await locked_until(buckets, "a", copy.key, copy.version_id) - now()
