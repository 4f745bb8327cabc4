"""A site that is down, silent, slow, busy, full, cut in the middle, or lying: waited for, and nothing counts before.

Of the two sites one is a bucket behind a proxy of ours on the way to the real server.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from uuid import UUID

import pytest

from services.local import seaweedfs
from services.storage.domain.copies import CopyState
from services.storage.handlers import VERIFY, WRITE
from services.storage.sites import bucket_of
from shared.checksums import MIB
from shared.messages.ingest import AipBuiltV1
from shared.messages.storage import AipStorageRefusedV1, AipStoredV1
from shared.messaging.lease import Lease
from shared.object_store import s3_wire
from shared.object_store.s3_site import S3Site
from shared.object_store.s3_wire import Bucket
from tests.builders import s3_proxies
from tests.builders.s3_proxies import READS, WRITES, Act, S3Proxy, refusing
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot

pytestmark = pytest.mark.integration

PATIENCE = 1.5
"""Seconds that a silent server is waited for, in place of a minute: more than one request takes on a busy machine."""

SMALL = b"the bytes of an AIP\n" * 5000
LARGE = SMALL * (9 * MIB // len(SMALL))

TROUBLES: dict[str, Act] = {
    "busy": refusing(503, "SlowDown"),
    "broken": refusing(500, "InternalError"),
    "forbidden": refusing(403, "AccessDenied"),
    "cut there": s3_proxies.cut_on_the_way_there,
    "cut back": s3_proxies.cut_on_the_way_back,
}
FULL: dict[str, Act] = {
    "full": refusing(507, "InsufficientStorage"),
    "full of MinIO": refusing(507, "XMinioStorageFull"),
    "quota": refusing(403, "QuotaExceeded"),
}


@pytest.fixture
async def proxy(seaweed: seaweedfs.Site) -> AsyncIterator[S3Proxy]:
    host, _, port = seaweed.endpoint.partition(":")
    opened = S3Proxy((host, int(port)))
    await opened.open()
    yield opened
    await opened.shut()


@pytest.fixture
async def behind(open_depot: OpenDepot, proxy: S3Proxy) -> AsyncIterator[Depot]:
    """Storage on two buckets, the second behind the proxy."""
    depot = await open_depot("buckets")
    store = S3Site(replace(bucket_b(depot), endpoint=proxy.endpoint))
    yield depot.with_site("b", store)
    await store.close()


@pytest.fixture
async def impatient(behind: Depot, proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Depot]:
    """The same, with little patience."""
    monkeypatch.setattr(s3_wire, "ANSWER_WITHIN", PATIENCE)
    store = S3Site(replace(bucket_b(behind), endpoint=proxy.endpoint))
    yield behind.with_site("b", store)
    await store.close()


@pytest.fixture
async def credulous(behind: Depot, proxy: S3Proxy) -> AsyncIterator[Depot]:
    """The same, its server told no checksum: some cannot verify one."""
    store = S3Site(replace(bucket_b(behind), endpoint=proxy.endpoint, checksum=False))
    yield behind.with_site("b", store)
    await store.close()


def bucket_b(depot: Depot) -> Bucket:
    return bucket_of({site.name: site for site in depot.settings.sites}["b"])


async def hand_over(depot: Depot, *contents: bytes) -> list[AipBuiltV1]:
    return [await depot.hand_over(content) for content in contents]


async def all_wait(depot: Depot, handed: list[AipBuiltV1], state: CopyState) -> None:
    """See that nothing counts on one site alone, and that nothing is lost meanwhile."""
    assert (await depot.told(AipStoredV1), await depot.told(AipStorageRefusedV1)) == ([], [])
    assert {line.details["site"] for line in await depot.lines("copy.written") if line.outcome == "ok"} <= {"a"}
    for message in handed:
        assert (await depot.holding(message.aip_id)).state == "storing"
        assert (await depot.copies(message.aip_id))["b"].state is state
        assert (await depot.staging.sha512(message.staging_key)).sha512 == message.sha512


async def all_end_stored(depot: Depot, handed: list[AipBuiltV1]) -> None:
    """Do what is left to do, and see every copy whole on both sites."""
    await depot.release()
    await depot.work_off()
    assert await depot.work() == []
    assert sorted(one.aip_id for one in await depot.told(AipStoredV1)) == sorted(one.aip_id for one in handed)
    for message in handed:
        assert (await depot.holding(message.aip_id)).state == "stored"
        for site, copy in (await depot.copies(message.aip_id)).items():
            assert copy.state is CopyState.VERIFIED
            found = await depot.sites[site].store.sha512(copy.key, copy.version_id)
            assert (found.sha512, found.size) == (message.sha512, message.size)


async def sizes_on_b(depot: Depot, aip_id: UUID) -> list[int]:
    """Return the sizes of all versions, newest first."""
    return [one.size for one in await depot.sites["b"].store.versions((await depot.holding(aip_id)).key)]


async def one_version_each(depot: Depot, handed: list[AipBuiltV1]) -> None:
    for message in handed:
        assert await sizes_on_b(depot, message.aip_id) == [message.size]


# --- Away -----------------------------------------------------------------------------------------------------------


IN_PARTS = ("busy", "cut there", "cut back")


@pytest.mark.parametrize(
    ("trouble", "size"),
    [*((trouble, "small") for trouble in (*TROUBLES, *FULL)), *((trouble, "large") for trouble in IN_PARTS)],
)
async def test_a_site_that_fails_while_it_is_written_to_is_waited_for(
    behind: Depot, proxy: S3Proxy, trouble: str, size: str
) -> None:
    handed = await hand_over(behind, LARGE if size == "large" else SMALL)
    proxy.fail((TROUBLES | FULL)[trouble], WRITES)

    assert await behind.refused_for_now(behind.keeper.write, WRITE) == 1
    await behind.verify()
    await all_wait(behind, handed, CopyState.TO_WRITE)
    assert proxy.struck >= 1

    proxy.mend()
    await all_end_stored(behind, handed)
    await one_version_each(behind, handed)


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_site_that_fails_while_it_is_read_back_is_waited_for(
    behind: Depot, proxy: S3Proxy, trouble: str
) -> None:
    handed = await hand_over(behind, SMALL)
    await behind.write()
    proxy.fail(TROUBLES[trouble], READS)

    assert await behind.refused_for_now(behind.keeper.verify, VERIFY) == 1
    await all_wait(behind, handed, CopyState.WRITTEN)

    proxy.mend()
    await all_end_stored(behind, handed)
    await one_version_each(behind, handed)


async def act_of(depot: Depot, kind: str) -> tuple[Callable[[Lease], Awaitable[None]], CopyState]:
    """Have an AIP wait for this kind of work; return the work, and the state in which its copies wait."""
    if kind == WRITE:
        return depot.keeper.write, CopyState.TO_WRITE
    await depot.write()
    return depot.keeper.verify, CopyState.WRITTEN


@pytest.mark.parametrize("kind", [WRITE, VERIFY])
async def test_a_site_that_is_down_is_waited_for(behind: Depot, proxy: S3Proxy, kind: str) -> None:
    handed = await hand_over(behind, SMALL)
    act, state = await act_of(behind, kind)
    await proxy.shut()

    for _ in range(2):
        assert await behind.refused_for_now(act, kind) == 1
        await behind.refused_for_now(behind.keeper.verify, VERIFY)
        await all_wait(behind, handed, state)
        await behind.release()

    await proxy.open()
    await all_end_stored(behind, handed)
    await one_version_each(behind, handed)


@pytest.mark.parametrize("kind", [WRITE, VERIFY])
async def test_a_site_that_never_answers_is_given_up_for_now(impatient: Depot, proxy: S3Proxy, kind: str) -> None:
    handed = await hand_over(impatient, SMALL)
    act, state = await act_of(impatient, kind)
    proxy.fail(s3_proxies.silent, WRITES | READS)

    assert await impatient.refused_for_now(act, kind) == 1
    await all_wait(impatient, handed, state)

    proxy.mend()
    await all_end_stored(impatient, handed)
    await one_version_each(impatient, handed)


async def test_a_site_that_is_slow_is_waited_for_while_it_goes_on(impatient: Depot, proxy: S3Proxy) -> None:
    handed = await hand_over(impatient, SMALL)
    # In all longer than a silent one is waited for, each piece sooner.
    proxy.piece = round(len(SMALL) * s3_proxies.MOMENT / (1.2 * PATIENCE))

    await all_end_stored(impatient, handed)

    proxy.piece = None
    await one_version_each(impatient, handed)


async def test_a_site_that_is_busy_for_a_few_requests_takes_the_others(behind: Depot, proxy: S3Proxy) -> None:
    handed = await hand_over(behind, *(SMALL + bytes([number]) for number in range(6)))
    proxy.fail(TROUBLES["busy"], WRITES, most=4)

    assert await behind.refused_for_now(behind.keeper.write, WRITE) == 4

    await all_end_stored(behind, handed)
    await one_version_each(behind, handed)


async def test_a_large_copy_cut_between_its_parts_leaves_no_version_of_half_of_it(
    behind: Depot, proxy: S3Proxy
) -> None:
    (message,) = handed = await hand_over(behind, LARGE)
    proxy.fail(s3_proxies.cut_on_the_way_there, frozenset({"PUT"}))

    assert await behind.refused_for_now(behind.keeper.write, WRITE) == 1
    proxy.mend()
    assert await sizes_on_b(behind, message.aip_id) == []

    await all_end_stored(behind, handed)
    await one_version_each(behind, handed)


# --- Lying ----------------------------------------------------------------------------------------------------------


async def test_a_write_that_was_confirmed_and_never_done_is_found_when_it_is_read_back(
    behind: Depot, proxy: S3Proxy
) -> None:
    handed = await hand_over(behind, SMALL, LARGE)
    proxy.fail(s3_proxies.swallowing)
    await behind.write()
    assert {one.state for message in handed for one in (await behind.copies(message.aip_id)).values()} == {
        CopyState.WRITTEN
    }
    proxy.mend()

    await behind.verify()
    await all_wait(behind, handed, CopyState.LOST)

    await all_end_stored(behind, handed)
    await one_version_each(behind, handed)


@pytest.mark.parametrize("lie", ["dropping_the_last_bytes", "flipping_a_bit"])
async def test_bytes_that_arrive_as_others_are_refused_by_a_server_that_is_told_their_checksum(
    behind: Depot, proxy: S3Proxy, lie: str
) -> None:
    handed = await hand_over(behind, SMALL, LARGE)
    proxy.fail(getattr(s3_proxies, lie))

    assert await behind.refused_for_now(behind.keeper.write, WRITE) == 2
    await behind.verify()
    await all_wait(behind, handed, CopyState.TO_WRITE)

    proxy.mend()
    await all_end_stored(behind, handed)
    await one_version_each(behind, handed)


@pytest.mark.parametrize(("lie", "missing"), [("dropping_the_last_bytes", 7), ("flipping_a_bit", 0)])
async def test_bytes_written_as_others_are_found_when_they_are_read_back_and_stay_in_sight(
    credulous: Depot, proxy: S3Proxy, lie: str, missing: int
) -> None:
    (message,) = handed = await hand_over(credulous, SMALL)
    proxy.fail(getattr(s3_proxies, lie))
    await credulous.write()
    proxy.mend()
    await credulous.verify()
    await all_wait(credulous, handed, CopyState.LOST)
    (line,) = [line for line in await credulous.lines("copy.written") if line.outcome == "ko"]
    assert line.details["site"] == "b"

    await all_end_stored(credulous, handed)

    # Locked, and no more to be read by anybody who asks for our version: for the audit to tell, and a purge to take.
    assert await sizes_on_b(credulous, message.aip_id) == [message.size, message.size - missing]
