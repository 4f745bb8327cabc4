"""What audits, repairs and purges ask of a server that fails: unknown is never empty, absent, renewed or purged."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from services.local import seaweedfs
from shared.checksums import sha512_of
from shared.object_store import errors
from shared.object_store.port import LockMode, Retention
from shared.object_store.s3_site import S3Site
from tests.builders import s3_proxies
from tests.builders.s3_proxies import Act, S3Proxy, refusing
from tests.contracts.object_stores import SHARED, a_bucket, a_key, whole

pytestmark = pytest.mark.integration

ALL = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})
TROUBLES: dict[str, Act] = {
    "busy": refusing(503, "SlowDown"),
    "broken": refusing(500, "InternalError"),
    "no longer there": refusing(404, "NoSuchBucket"),
    "cut there": s3_proxies.cut_on_the_way_there,
    "cut back": s3_proxies.cut_on_the_way_back,
}
LATER = Retention(LockMode.GOVERNANCE, datetime.now(UTC).replace(microsecond=0) + timedelta(days=3))


@dataclass(frozen=True)
class Behind:
    """A bucket behind a proxy, and one key in it with a locked version of ours."""

    proxy: S3Proxy
    site: S3Site
    purger: S3Site
    key: str
    version_id: str | None


@pytest.fixture
async def behind(seaweed: seaweedfs.Site) -> AsyncIterator[Behind]:
    seaweedfs.ensure_bucket(seaweed.client(), SHARED)
    host, _, port = seaweed.endpoint.partition(":")
    proxy = S3Proxy((host, int(port)))
    await proxy.open()
    site = S3Site(replace(a_bucket(seaweed, seaweed.service), endpoint=proxy.endpoint))
    purger = S3Site(replace(a_bucket(seaweed, seaweed.purger), endpoint=proxy.endpoint), bypass=True)
    sooner = replace(LATER, until=LATER.until - timedelta(days=1))
    receipt = await site.put(key := a_key(), b"ours", retention=sooner)
    yield Behind(proxy, site, purger, key, receipt.version_id)
    await site.close()
    await purger.close()
    await proxy.shut()


async def everything(behind: Behind) -> list[str]:
    return [one.key async for one in behind.site.listed(behind.key)]


async def purge_twice(behind: Behind) -> None:
    await behind.purger.purge(behind.key)
    await behind.purger.purge(behind.key)


QUESTIONS: dict[str, Callable[[Behind], Awaitable[object]]] = {
    "listed": everything,
    "versions": lambda at: at.site.versions(at.key),
    "topmost": lambda at: at.site.topmost(at.key),
    "is_held": lambda at: at.site.is_held(at.key, at.version_id),
    "hold": lambda at: at.site.hold(at.key, at.version_id, held=False),
    "renew": lambda at: at.site.renew(at.key, at.version_id, LATER),
    "put_over": lambda at: at.site.put_over(at.key, b"good", size=4, sha512=sha512_of(b"good")),
    "sha512": lambda at: at.site.sha512(at.key, at.version_id),
    "purge": purge_twice,
}


@pytest.mark.parametrize("trouble", [*TROUBLES, "down"])
async def test_whatever_is_asked_of_a_site_that_fails_is_unknown_and_is_told_once_it_is_mended(
    behind: Behind, trouble: str
) -> None:
    if trouble == "down":
        await behind.proxy.shut()
    else:
        behind.proxy.fail(TROUBLES[trouble], ALL)

    for ask in QUESTIONS.values():
        with pytest.raises(errors.StoreUnavailable):
            await ask(behind)

    if trouble == "down":
        await behind.proxy.open()
    behind.proxy.mend()
    assert await whole(behind.site, behind.key, behind.version_id) == b"ours"
    for ask in QUESTIONS.values():
        await ask(behind)
    assert await behind.site.versions(behind.key) == []


async def test_a_purge_whose_site_goes_away_between_two_versions_goes_on_later(behind: Behind) -> None:
    for _ in range(2):
        await behind.site.put_over(behind.key, b"good", size=4, sha512=sha512_of(b"good"))
    # Done, and not heard of; asked again at once, as of a connection that was let go, it is not heard of either.
    behind.proxy.fail(s3_proxies.cut_on_the_way_back, frozenset({"DELETE"}))

    with pytest.raises(errors.StoreUnavailable):
        await behind.purger.purge(behind.key)
    behind.proxy.mend()
    assert len(await behind.site.versions(behind.key)) == 2

    await behind.purger.purge(behind.key)
    assert await behind.site.versions(behind.key) == []


async def test_a_replacement_that_was_done_and_not_heard_of_is_done_again_and_read(behind: Behind) -> None:
    behind.proxy.fail(s3_proxies.cut_on_the_way_back, frozenset({"PUT"}))
    with pytest.raises(errors.StoreUnavailable):
        await QUESTIONS["put_over"](behind)
    behind.proxy.mend()

    receipt = await behind.site.put_over(behind.key, b"good", size=4, sha512=sha512_of(b"good"))

    newest, *older = await behind.site.versions(behind.key)
    assert newest.version_id == receipt.version_id
    assert {one.size for one in older} == {4}
    assert await whole(behind.site, behind.key, behind.version_id) == b"ours"


async def test_a_bucket_without_room_is_full(behind: Behind) -> None:
    for status, code in ((507, "InsufficientStorage"), (507, "XMinioStorageFull"), (400, "QuotaExceeded")):
        behind.proxy.fail(refusing(status, code), frozenset({"PUT"}))
        with pytest.raises(errors.StoreFull):
            await QUESTIONS["put_over"](behind)
