"""What no site has a good copy of is named, left as it lies, and whole again once somebody brings the right bytes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import REGISTRY
from typing_extensions import override

from services.storage.api import Storage
from services.storage.api import router as copies_router
from services.storage.domain.copies import read_back
from services.storage.handlers import VERIFY, WRITE, take_agreements
from services.storage.measures import measure_damage
from services.storage.queries.sites import FIRST, add_copies
from services.storage.repairing import Loss, lose
from services.storage.restoring import NotRestorable, Restored, Restorer
from services.storage.sites import OpenSite
from services.storage.sites_api import router
from services.storage.space import site_spaces
from shared import faults
from shared.clock import now
from shared.identifiers import new_id
from shared.identity.rights import Role
from shared.messages.admin import AgreementPublishedV1
from shared.messages.ingest import AipBuiltV1
from shared.messages.storage import CopyCorruptedV1, CopyRepairedV1
from shared.messaging.lease import Lane, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.taking import take
from shared.messaging.work import enqueue
from shared.object_store.filesystem_site import FilesystemSite
from shared.object_store.port import Receipt
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot, spoil
from tests.integration.storage.harm import CONTENT, audit, background, flip, repair, states, stored, truncate
from tests.integration.storage.purge_desk import PurgeDesk, an_order

pytestmark = pytest.mark.integration

BOTH = pytest.mark.parametrize("kind", ["folders", "buckets"])

GOLDEN = Path(__file__).parents[2] / "golden" / "messages"


async def nothing() -> None: ...


async def listed(depot: Depot, token: str, query: str = "") -> dict[str, Any]:
    return await asked(depot, f"damaged{query}", token)


async def asked(depot: Depot, path: str, token: str) -> dict[str, Any]:
    routes = APIRouter()
    routes.include_router(copies_router)
    routes.include_router(router)
    app = room_app("storage", routes, a_verifier(), Readiness("storage"), nothing)
    app.state.storage = Storage(depot.database, depot.sites, site_spaces(depot.database, depot.sites))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers) as http:
        answer: dict[str, Any] = (await http.get(f"/storage/v1/{path}")).json()
        return answer


async def measured(depot: Depot) -> float | None:
    await measure_damage(depot.database)
    return REGISTRY.get_sample_value("chartrier_holdings_damaged", {"kind": "aip"})


async def damaged(depot: Depot) -> AipBuiltV1:
    """Have both copies of an AIP go bad, the second found where the first was to be written from it."""
    message = await stored(depot)
    key = (await depot.holding(message.aip_id)).key
    await flip(depot, "a", key)
    await truncate(depot, "b", key)
    await audit(depot, "b", message.aip_id)
    await repair(depot)
    return message


async def restore(depot: Depot, holding_id: UUID, path: Path) -> Restored:
    return await Restorer(depot.database, depot.sites, timedelta(days=1)).restore(holding_id, path, "operator:x")


@pytest.fixture
def back_up(tmp_path: Path) -> Path:
    path = tmp_path / "back-up.tar"
    path.write_bytes(CONTENT)
    return path


@BOTH
async def test_without_a_good_copy_left_it_is_loud_and_named_and_nothing_is_touched(
    open_depot: OpenDepot, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    depot = await open_depot(kind)
    with caplog.at_level(logging.CRITICAL):
        message = await damaged(depot)

    holding, copies = await depot.holding(message.aip_id), await depot.copies(message.aip_id)
    assert (holding.state, await states(depot, message)) == ("damaged", {"a": "lost", "b": "lost"})
    assert {told.site for told in await depot.told(CopyCorruptedV1)} == {"a", "b"}
    (line,) = await depot.lines("aip.damaged")
    assert (line.kind, line.outcome, line.transfer_id) == ("archives", "ko", message.transfer_id)
    assert [record.getMessage() for record in caplog.records] == ["no site has a good copy left"]
    assert (await measured(depot), await depot.work()) == (1, [])
    # What may still be of use to somebody lies where it lay.
    assert len(await depot.kept("a", holding.key, copies["a"].version_id)) == len(CONTENT)
    assert await depot.kept("b", holding.key, copies["b"].version_id) == CONTENT[:-100]
    (named,) = (await listed(depot, a_token(Role.OPERATOR)))["items"]
    assert (named["id"], named["sha512"], named["key"]) == (str(message.aip_id), message.sha512, holding.key)
    assert [(copy["site"], copy["state"], copy["lost_at"] is None) for copy in named["copies"]] == [
        ("a", "lost", False),
        ("b", "lost", False),
    ]


@BOTH
async def test_the_right_bytes_brought_back_are_written_everywhere_and_read_back(
    open_depot: OpenDepot, kind: str, back_up: Path
) -> None:
    depot = await open_depot(kind)
    message = await damaged(depot)
    stored_at = (await depot.holding(message.aip_id)).stored_at

    done = await restore(depot, message.aip_id, back_up)
    assert (done.sites, done.missed) == (["a", "b"], {})
    assert (await depot.holding(message.aip_id)).state == "damaged", "until another task has read it back"
    await repair(depot)

    after = await depot.holding(message.aip_id)
    assert (after.state, after.stored_at, await measured(depot)) == ("stored", stored_at, 0)
    assert set((await states(depot, message)).values()) == {"verified"}
    assert {told.site for told in await depot.told(CopyRepairedV1)} == {"a", "b"}
    (line,) = await depot.lines("copy.restored")
    assert (line.actor, line.details["sites"]) == ("operator:x", "a, b")
    assert len(await depot.lines("aip.restored")) == 1
    for site, copy in (await depot.copies(message.aip_id)).items():
        assert await depot.kept(site, after.key, copy.version_id) == CONTENT
    assert (await depot.work(), await listed(depot, a_token(Role.OPERATOR))) == ([], {"items": [], "next": None})


async def test_a_site_that_could_not_take_them_has_them_from_the_others(depot: Depot, back_up: Path) -> None:
    message = await damaged(depot)
    root = depot.file("b", "x").parent
    away = root.with_name("unmounted")
    root.rename(away)

    done = await restore(depot, message.aip_id, back_up)
    await repair(depot)
    assert (done.sites, list(done.missed)) == (["a"], ["b"])
    assert (await depot.holding(message.aip_id)).state == "stored"
    away.rename(root)
    await depot.release()
    await repair(depot)

    assert await states(depot, message) == {"a": "verified", "b": "verified"}


async def test_other_bytes_and_what_is_not_damaged_are_refused(depot: Depot, back_up: Path) -> None:
    well = await stored(depot, CONTENT + b"x")
    message = await damaged(depot)
    wrong = back_up.with_name("wrong")
    wrong.write_bytes(CONTENT[:-1] + b"?")

    for holding_id, path, reason in (
        (message.aip_id, wrong, "wanted are"),
        (message.aip_id, back_up.with_name("absent"), "No such file"),
        (well.aip_id, back_up, "Nothing called .* is damaged"),
        (new_id(), back_up, "Nothing called .* is damaged"),
    ):
        with pytest.raises(NotRestorable, match=reason):
            await restore(depot, holding_id, path)

    assert await states(depot, message) == {"a": "lost", "b": "lost"}
    assert not (depot.file("a", "x").parent / ".aside").exists()


async def test_a_copy_that_nobody_has_read_back_yet_is_not_beyond_hope(depot: Depot) -> None:
    message = await stored(depot)
    key = (await depot.holding(message.aip_id)).key
    spoil(depot.file("b", key))
    await audit(depot, "b", message.aip_id)
    (held,) = await background(depot, WRITE)
    await depot.keeper.write(held)
    spoil(depot.file("a", key))

    await audit(depot, "a", message.aip_id)
    assert await states(depot, message) == {"a": "lost", "b": "written"}
    assert (await depot.holding(message.aip_id)).state == "stored"
    (held,) = await background(depot, WRITE)
    with pytest.raises(TryAgain, match="still to be read back"):
        await depot.keeper.write(held)
    for held in await background(depot, VERIFY):
        await depot.keeper.verify(held)
    await depot.release()
    await repair(depot)

    assert set((await states(depot, message)).values()) == {"verified"}


async def test_a_small_record_comes_back_from_what_was_said_of_it(depot: Depot) -> None:
    published = AgreementPublishedV1.model_validate_json((GOLDEN / "agreement.published.v1.json").read_bytes())
    async with depot.database.begin() as tx:
        await take_agreements(sorted(depot.sites))(tx, [published])
    await depot.work_off()
    record = await depot.holding(published.agreement.id)
    body = await depot.kept("a", record.key)
    for site in depot.sites:
        spoil(depot.file(site, record.key))
        await audit(depot, site, record.id)

    assert (await depot.holding(record.id)).state == "stored"
    await repair(depot)

    assert [await depot.kept(site, record.key) for site in "ab"] == [body, body]
    assert len(await depot.told(CopyRepairedV1)) == 2


async def test_each_sees_what_is_damaged_of_its_own_and_page_by_page(depot: Depot) -> None:
    messages = [await damaged(depot) for _ in range(2)]
    mine = messages[0]
    own = a_token(Role.AUDITOR, mine.establishment)

    assert [one["id"] for one in (await listed(depot, own))["items"]] == [str(mine.aip_id)]
    assert (await listed(depot, a_token(Role.AUDITOR, new_id())))["items"] == []
    assert (await listed(depot, a_token(Role.DEPOSITOR)))["status"] == 403
    first = await listed(depot, a_token(Role.AUDITOR), "?limit=1")
    second = await listed(depot, a_token(Role.AUDITOR), f"?limit=1&cursor={first['next']}")
    pages = [one["id"] for page in (first, second) for one in page["items"]]
    assert sorted(pages) == sorted(str(message.aip_id) for message in messages)


async def test_what_is_damaged_is_not_given_and_its_copies_say_since_when(depot: Depot) -> None:
    message = await damaged(depot)
    own = a_token(Role.PRODUCER, message.establishment)

    refused = await asked(depot, f"aips/{message.aip_id}/content", own)
    copies = await asked(depot, f"aips/{message.aip_id}/copies", own)

    assert (refused["status"], refused["code"], copies["state"]) == (409, "damaged", "damaged")
    assert [copy["lost_at"] is None for copy in copies["copies"]] == [False, False]


async def test_a_new_site_gets_what_was_damaged_once_it_is_whole(
    depot: Depot, third: OpenSite, back_up: Path
) -> None:
    message = await damaged(depot)
    more = depot.and_site(third)
    async with more.database.begin() as tx:
        await add_copies(tx.connection, "c", FIRST, 10)
        await enqueue(tx, WRITE, Piece(f"{message.aip_id}/1/c", lane=Lane.BACKGROUND))
    await repair(more)
    assert (await states(more, message), await more.work()) == ({"a": "lost", "b": "lost", "c": "to_write"}, [])

    await restore(depot, message.aip_id, back_up)
    for _ in range(2):
        await repair(more)

    assert set((await states(more, message)).values()) == {"verified"}
    assert [told.site for told in await depot.told(CopyRepairedV1)] == ["a", "b"]


async def test_of_several_versions_the_one_that_is_meant_is_named(depot: Depot, back_up: Path) -> None:
    message = await damaged(depot)
    await depot.databases.as_superuser(
        """INSERT INTO storage.holding (id, version, kind, key, sha512, size, state, facts)
           SELECT id, 2, kind, key || '2', sha512, 1, 'damaged', facts FROM storage.holding"""
    )
    restorer = Restorer(depot.database, depot.sites, timedelta(days=1))

    with pytest.raises(NotRestorable, match="several versions; say which: 1, 2"):
        await restorer.restore(message.aip_id, back_up, "operator:x")
    with pytest.raises(NotRestorable, match="in version 3"):
        await restorer.restore(message.aip_id, back_up, "operator:x", 3)
    done = await restorer.restore(message.aip_id, back_up, "operator:x", 1)

    assert done.sites == ["a", "b"]


async def test_a_restoration_that_is_cut_off_is_given_again(
    depot: Depot, back_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await damaged(depot)

    def strike(name: str) -> None:
        assert name == "storage.restore.put"
        raise KeyboardInterrupt

    monkeypatch.setattr(faults, "strike", strike)
    with pytest.raises(KeyboardInterrupt):
        await restore(depot, message.aip_id, back_up)
    monkeypatch.setattr(faults, "strike", None)
    assert (await states(depot, message), await depot.work()) == ({"a": "lost", "b": "lost"}, [])
    await restore(depot, message.aip_id, back_up)
    await repair(depot)

    assert set((await states(depot, message)).values()) == {"verified"}
    for site in "ab":
        assert len(list((depot.file(site, "x").parent / ".aside").iterdir())) == 1, "the right bytes are taken over"


class Ordering(FilesystemSite):
    """A site where somebody orders a purge, and its deletions, at the moment when bytes are put over."""

    def __init__(self, root: Path, purge: Callable[[], Awaitable[None]]) -> None:
        super().__init__(root)
        self.purge_now = purge

    @override
    async def put_over(self, *args: Any, **more: Any) -> Receipt:
        await self.purge_now()
        return await super().put_over(*args, **more)


@pytest.mark.parametrize("site", ["a", "b"])
async def test_what_is_purged_while_its_bytes_are_brought_back_is_gone_all_the_same(
    depot: Depot, back_up: Path, site: str
) -> None:
    message = await damaged(depot)
    desk, order = PurgeDesk(depot), an_order(message)

    async def purge() -> None:
        await desk.order(order)
        await desk.begin()
        assert await desk.delete() == 2, "the purger waits for whoever writes"
        assert set((await desk.waits(order)).values()) == {"at_work"}

    during = Ordering(Path(depot.sites[site].site.location), purge)
    with pytest.raises(NotRestorable, match="is being purged"):
        await restore(depot.with_site(site, during), message.aip_id, back_up)
    await desk.work_off()

    key = (await depot.holding(message.aip_id)).key
    assert await desk.left(key) == {"a": 0, "b": 0}
    assert ((await depot.holding(message.aip_id)).state, await depot.work()) == ("purged", [])
    assert await depot.lines("copy.restored") == []
    await during.close()


async def test_what_is_being_purged_is_not_brought_back_and_what_a_worker_writes_is_left_to_it(
    depot: Depot, back_up: Path
) -> None:
    message = await damaged(depot)
    async with depot.database.begin() as tx:
        await take(tx, WRITE, Piece(f"{message.aip_id}/1/a"))
    done = await restore(depot, message.aip_id, back_up)
    assert (done.sites, done.missed) == (["b"], {"a": "a worker has it in hand"})

    other = await stored(depot, CONTENT + b"other")
    await depot.databases.as_superuser("UPDATE storage.copy SET state = 'lost' WHERE holding = $1", other.aip_id)
    await depot.databases.as_superuser("UPDATE storage.holding SET state = 'damaged' WHERE id = $1", other.aip_id)
    restorer = Restorer(depot.database, depot.sites, timedelta(days=1))
    desk = PurgeDesk(depot)
    found = await restorer._damaged(other.aip_id, None)  # noqa: SLF001 (the moment between two looks)
    await desk.order(an_order(other))
    await desk.begin()
    with pytest.raises(NotRestorable, match="is being purged"):
        await restorer._take(*found, Restored())  # noqa: SLF001


async def test_both_copies_found_bad_at_one_moment_are_one_damage(depot: Depot) -> None:
    message = await stored(depot)
    holding, copies = await depot.holding(message.aip_id), await depot.copies(message.aip_id)

    async def note(site: str) -> None:
        async with depot.database.begin() as tx:
            await lose(tx, [Loss(holding, read_back(copies[site], None, new_id(), now()), None)])

    await asyncio.gather(note("a"), note("b"))

    assert (await depot.holding(message.aip_id)).state == "damaged"
    assert (len(await depot.lines("aip.damaged")), len(await depot.told(CopyCorruptedV1))) == (1, 2)
    # The work that the first asked for finds nothing to do.
    await repair(depot)
    assert (await depot.work(), await states(depot, message)) == ([], {"a": "lost", "b": "lost"})
