"""Room on the sites: a full one is waited for, and what storage says of them is what it knows."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.adapters.sites import PATIENCE_SECONDS as AWAITED_BY_INGEST
from services.storage.api import Storage, router
from services.storage.domain.copies import CopyState
from services.storage.handlers import WRITE
from services.storage.queries import amounts
from services.storage.settings import SiteSettings
from services.storage.sites import OpenSite, open_sites, ready_site
from services.storage.space import PATIENCE_SECONDS, site_spaces
from shared.identity.rights import Role
from shared.identity.tokens import room_token
from shared.messages.storage import AipStoredV1
from shared.object_store.errors import StoreUnavailable
from shared.object_store.filesystem_site import FilesystemSite
from shared.object_store.space import Allowance, Held, Space
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, SECRET, a_token, a_verifier
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot
from tests.small_disks import MIB, a_small_disk, fill

pytestmark = pytest.mark.integration

PATIENCE = 20.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with a_small_disk(tmp_path / "small", 8 * MIB) as folder:
        yield folder


async def nothing() -> None: ...


async def sites_as_told(depot: Depot, token: str) -> httpx.Response:
    app = room_app("storage", router, a_verifier(), Readiness("storage"), nothing)
    app.state.storage = Storage(depot.database, depot.sites, site_spaces(depot.database, depot.sites, 0, PATIENCE))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers) as http:
        return await http.get("/storage/v1/space")


async def told(depot: Depot) -> list[tuple[str, bool, int | None]]:
    answer = await sites_as_told(depot, room_token("ingest", SECRET))
    sites: Sequence[dict[str, Any]] = answer.json()["sites"]
    return [(site["name"], site["full"], site["open_bytes"]) for site in sites]


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


async def test_a_site_that_fills_while_it_is_copied_to_is_waited_for(depot: Depot, small_disk: Path) -> None:
    store = FilesystemSite(small_disk, Allowance(reserve=MIB))
    await store.prepare()
    small = depot.with_site("b", store)
    fits, too_many = [await small.hand_over(bytes([number]) * 3 * MIB) for number in range(2)]
    ballast = fill(small_disk, 4 * MIB)

    assert await small.refused_for_now(small.keeper.write, WRITE) == 1
    await small.verify()
    left = files_in(small_disk)
    full = await told(small)
    ballast.unlink()
    await small.release()
    await small.work_off()
    await small.verify()

    # Whichever came first was kept whole, and of the other nothing.
    assert len(left) == 2
    assert full[1] == ("b", True, 0)
    assert sorted(stored.aip_id for stored in await small.told(AipStoredV1)) == sorted([fits.aip_id, too_many.aip_id])
    for message in (fits, too_many):
        assert {copy.state for copy in (await small.copies(message.aip_id)).values()} == {CopyState.VERIFIED}
    assert (await told(small))[1][1] is False
    await store.close()


async def test_of_a_site_with_a_quota_what_was_written_and_what_is_still_owed_are_known(
    open_depot: OpenDepot, tmp_path: Path
) -> None:
    depot = await open_depot("folders")
    limited = {"reserve_bytes": 0, "quota_bytes": 10 * MIB}
    declared = [
        SiteSettings.model_validate({"name": name, "kind": "filesystem", "place": name, "path": path, **limited})
        for name, path in (("a", str(tmp_path / "site-a")), ("b", str(tmp_path / "site-b")))
    ]
    quota = Depot(depot.databases, depot.database, open_sites(declared), depot.staging, depot.settings)
    message = await quota.hand_over(bytes(MIB))

    owed = await told(quota)
    await quota.write()
    written = await told(quota)
    await quota.take(message)
    await quota.verify()

    assert owed == written == [("a", False, 9 * MIB), ("b", False, 9 * MIB)]
    rows = await depot.databases.as_superuser("SELECT * FROM storage.usage ORDER BY site")
    assert [tuple(row.values()) for row in rows] == [("a", MIB, 1), ("b", MIB, 1)]
    for site in quota.sites.values():
        await site.store.close()


async def test_a_bucket_without_a_quota_is_not_known_to_be_full(open_depot: OpenDepot) -> None:
    depot = await open_depot("buckets")

    assert await told(depot) == [("a", False, None), ("b", False, None)]


async def test_sites_that_hang_hide_no_other_and_what_is_owed_is_asked_for_once(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody_asks = asyncio.Barrier(len(depot.sites))
    asked = []
    owed = amounts.owed

    async def counted(connection: AsyncConnection) -> dict[str, int]:
        asked.append(1)
        return await owed(connection)

    async def space(_: Held) -> Space | None:
        # Asked one after another, each would wait for the next in vain.
        await everybody_asks.wait()
        return Space(5 * MIB, 10 * MIB, reserve=MIB)

    monkeypatch.setattr(amounts, "owed", counted)
    for site in depot.sites.values():
        monkeypatch.setattr(site.store, "space", space)

    assert await told(depot) == [("a", False, 4 * MIB), ("b", False, 4 * MIB)]
    assert len(asked) == 1
    assert PATIENCE_SECONDS <= AWAITED_BY_INGEST / 2


@pytest.mark.parametrize(("role", "status"), [(Role.OPERATOR, 200), (Role.DEPOSITOR, 403)])
async def test_the_operator_may_ask_for_it_and_depositors_may_not(depot: Depot, role: Role, status: int) -> None:
    assert (await sites_as_told(depot, a_token(role))).status_code == status


@contextmanager
def unmounted(root: Path, elsewhere: Path) -> Iterator[None]:
    """Leave the empty mount point; it must be so still when the volume comes back."""
    root.rename(elsewhere)
    root.mkdir()
    try:
        yield
    finally:
        root.rmdir()
        elsewhere.rename(root)


async def test_a_volume_that_is_not_mounted_is_no_new_site(depot: Depot, tmp_path: Path) -> None:
    await depot.hand_over()
    await depot.work_off()

    root = Path(depot.sites["a"].site.location)
    with unmounted(root, tmp_path / "elsewhere"), pytest.raises(StoreUnavailable, match="mounted"):
        await ready_site(depot.database, depot.sites["a"])

    await ready_site(depot.database, depot.sites["a"])


async def test_a_site_without_copies_is_made(depot: Depot, tmp_path: Path) -> None:
    fresh = FilesystemSite(tmp_path / "site-c")
    await ready_site(depot.database, OpenSite(replace(depot.sites["a"].site, name="c"), fresh))

    await fresh.probe()
    await fresh.close()


async def test_those_who_count_on_one_site_at_once_lose_nothing(depot: Depot) -> None:
    for number in range(5):
        await depot.hand_over(bytes([number]) * 1000)
    # Each by a worker of its own, whose transactions are not shared.
    await asyncio.gather(*(depot.keeper.write(held) for held in await depot.lease(WRITE)))

    rows = await depot.databases.as_superuser("SELECT bytes, copies FROM storage.usage")
    assert [tuple(row.values()) for row in rows] == [(5000, 5), (5000, 5)]
