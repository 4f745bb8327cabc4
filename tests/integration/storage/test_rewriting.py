"""A partial purge is written from a copy that proves good, and taken in as a new version of the AIP."""

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import pytest
from typing_extensions import override

from services.data_management.domain.catalogue import CataloguedObject, CataloguedUnit, read_line
from services.storage import rewriting
from services.storage.domain.purges import PurgeState, content_of, fingerprint
from services.storage.domain.rewriting import RewritePlan, Rewritten
from services.storage.doubts import DOUBT
from services.storage.handlers import REWRITE, UNSTAGE, take_aips
from services.storage.pipeline.package_check import check_package
from services.storage.pipeline.rewriting.package import rewrite_package
from services.storage.pipeline.sources import Source
from services.storage.queries import purges
from services.storage.rewriting import Rewriter
from shared import faults
from shared.faults import FAULT_POINTS
from shared.messages.admin import PurgeOrderedV1
from shared.messages.ingest import AipBuiltV1
from shared.messages.storage import AipStoredV1, PurgeRefusedV1
from shared.messaging.lease import Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.work import StaleLease, enqueue
from shared.object_store.errors import NoSuchObject
from tests.builders.aips import AIP_ID
from tests.builders.purges import MARK, ORDER, PLANTED, AnAip, Trickle, a_planted_aip
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot, an_announcement, spoil
from tests.integration.storage.purge_desk import PurgeDesk

pytestmark = pytest.mark.integration

STEPS = tuple(f"storage.rewrite.{step}" for step in ("planned", "written", "staged", "taken", "unstaged"))


class Died(BaseException):
    """What a crash looks like to a test."""


async def stored(depot: Depot, folder: Path) -> tuple[AnAip, AipBuiltV1]:
    """An AIP on every site, whose staged bytes are gone."""
    aip = a_planted_aip(folder)
    message = an_announcement(AIP_ID, aip.content)
    await depot.staging.put(message.staging_key, aip.content)
    async with depot.database.begin() as tx:
        await take_aips(sorted(depot.sites))(tx, [message])
    await depot.work_off()
    await depot.staging.delete(message.staging_key)
    return aip, message


def ordered(message: AipBuiltV1, units: list[UUID]) -> dict[str, Any]:
    """The content of an order, as `purge.ordered.v1` tells it."""
    return {
        "order_id": str(ORDER),
        "establishment": str(message.establishment),
        "aip_id": str(message.aip_id),
        "scope": "units",
        "units": [str(unit) for unit in units],
        "list_sha512": "1a" * 64,
        "visa_sha512": "2b" * 64,
        "ordered_at": "2036-04-01T08:00:00Z",
        "ordered_by": "archiviste",
    }


async def order(depot: Depot, message: AipBuiltV1, units: list[UUID]) -> None:
    async with depot.database.begin() as tx:
        said = PurgeOrderedV1.model_validate(ordered(message, units))
        if await purges.find(tx.connection, ORDER) is None:
            await purges.add(tx.connection, said, fingerprint(said), content_of(said))
        known = await purges.find(tx.connection, ORDER)
        if known is not None and known.state is PurgeState.ORDERED:
            await purges.step(tx.connection, known, PurgeState.REWRITING)
        await enqueue(tx, REWRITE, Piece(str(ORDER), {"order": ordered(message, units)}))


async def rewrite(depot: Depot) -> None:
    for held in await depot.lease(REWRITE):
        await Rewriter(depot.database, depot.sites, depot.staging).rewrite(held)


async def unstage(depot: Depot) -> None:
    for held in await depot.lease(UNSTAGE):
        await Rewriter(depot.database, depot.sites, depot.staging).unstage(held)


@pytest.mark.parametrize("kind", ["folders", "buckets"])
async def test_the_new_version_is_stored_beside_the_old_one(open_depot: OpenDepot, tmp_path: Path, kind: str) -> None:
    depot = await open_depot(kind)
    aip, message = await stored(depot, tmp_path)
    old = await depot.holding(AIP_ID)

    await order(depot, message, aip.units(*PLANTED))
    await rewrite(depot)
    await depot.work_off()

    new = await depot.holding(AIP_ID)
    assert (new.version, new.state, new.facts["order"]) == (2, "stored", str(ORDER))
    assert new.key == old.key.replace("-v1.tar", "-v2.tar")
    for site, copy in (await depot.copies(AIP_ID)).items():
        content = await depot.kept(site, new.key, copy.version_id)
        assert check_package(Trickle(content, 1 << 20), str(AIP_ID)).faults == ()
        assert MARK.encode() not in content
    # The old one stays until whoever purges releases it.
    assert await depot.kept("a", old.key) == aip.content
    (line,) = await depot.lines("aip.rewritten")
    assert (line.details["units"], line.details["objects"], line.details["files"]) == (2, 3, 2)
    await unstage(depot)
    assert await depot.work() == []
    with pytest.raises(NoSuchObject):
        await depot.staging.stat(new.facts["staging_key"])


async def test_what_stays_is_served_by_range_from_where_the_new_catalogue_says(depot: Depot, tmp_path: Path) -> None:
    aip, message = await stored(depot, tmp_path)
    await order(depot, message, aip.units(*PLANTED))
    await rewrite(depot)
    await depot.work_off()

    told = (await depot.told(AipStoredV1))[-1]
    new = await depot.holding(AIP_ID)
    content = await depot.kept("b", new.key)
    member = told.catalogue
    lines = content[member.offset : member.offset + member.length].splitlines()
    entries = [read_line(line) for line in lines]
    objects = {each.xml_id: each for each in entries if isinstance(each, CataloguedObject)}

    assert told.version == 2
    assert [each.xml_id for each in entries if isinstance(each, CataloguedUnit)] == ["unit-1", "unit-2", "unit-5"]
    kept = objects["obj-3"]
    assert kept.offset is not None
    store = depot.sites["a"].store
    chunks = await store.open_range(new.key, None, kept.offset, kept.size)
    assert b"".join([chunk async for chunk in chunks]) == b"des deux"


async def test_a_copy_that_proves_bad_is_passed_over_and_judged_again(depot: Depot, tmp_path: Path) -> None:
    aip, message = await stored(depot, tmp_path)
    spoil(depot.file("a", (await depot.holding(AIP_ID)).key))

    await order(depot, message, aip.units(*PLANTED))
    await rewrite(depot)

    assert (await depot.holding(AIP_ID)).version == 2
    assert [held.key for held in await depot.lease(DOUBT)] == [f"{AIP_ID}/1/a"]


async def test_without_a_good_copy_the_order_waits(depot: Depot, tmp_path: Path) -> None:
    aip, message = await stored(depot, tmp_path)
    key = (await depot.holding(AIP_ID)).key
    spoil(depot.file("a", key))
    depot.file("b", key).unlink()

    await order(depot, message, aip.units(*PLANTED))
    with pytest.raises(TryAgain, match="no site gives"):
        await rewrite(depot)

    assert (await depot.holding(AIP_ID)).version == 1


@pytest.mark.parametrize("units", [PLANTED[:1], ("unit-99",)], ids=["child-kept", "stranger"])
async def test_an_order_that_cannot_be_carried_out_is_refused_and_changes_nothing(
    depot: Depot, tmp_path: Path, units: tuple[str, ...]
) -> None:
    aip, message = await stored(depot, tmp_path)

    await order(depot, message, aip.units(*units))
    await rewrite(depot)

    assert (await depot.holding(AIP_ID)).version == 1
    assert await depot.work() == []
    async with depot.database.reading() as connection:
        refused = await purges.find(connection, ORDER)
        assert await purges.open_on(connection, AIP_ID) is None
    assert refused is not None
    assert (refused.state, refused.done_at is None) == (PurgeState.REFUSED, False)
    (told,) = await depot.told(PurgeRefusedV1)
    assert (told.order_id, told.aip_id, told.establishment) == (ORDER, AIP_ID, message.establishment)
    assert told.reason == refused.reason
    assert told.reason.startswith(f"order {ORDER}: ")
    (line,) = await depot.lines("purge.refused")
    assert (line.outcome, line.object, line.details["order"]) == ("ko", f"aip:{AIP_ID}", str(ORDER))
    # Another order may follow, and whoever comes late with the work of this one changes nothing.
    await PurgeDesk(depot).purged(message)
    assert (await depot.holding(AIP_ID)).state == "purged"


async def test_what_is_no_whole_package_is_not_taken_in(
    depot: Depot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aip, message = await stored(depot, tmp_path)
    await order(depot, message, aip.units(*PLANTED))

    def badly(source: Source, units: Collection[UUID], plan: RewritePlan, out: BinaryIO, scratch: Path) -> Rewritten:
        summary = rewrite_package(source, units, plan, out, scratch)
        out.seek(summary.size // 2)
        out.write(b"?")
        return summary

    monkeypatch.setattr(rewriting, "rewrite_package", badly)
    with pytest.raises(AssertionError, match="no whole AIP"):
        await rewrite(depot)

    assert (await depot.holding(AIP_ID)).version == 1


async def test_what_is_lost_in_staging_is_written_again_from_the_version_that_stands(
    depot: Depot, tmp_path: Path
) -> None:
    aip, message = await stored(depot, tmp_path)
    await order(depot, message, aip.units(*PLANTED))
    await rewrite(depot)
    await depot.staging.delete(f"aips/{AIP_ID}-v2")
    await depot.write()
    assert (await depot.holding(AIP_ID)).state == "refused"

    await order(depot, message, aip.units(*PLANTED))
    await rewrite(depot)
    await depot.work_off()

    new = await depot.holding(AIP_ID)
    assert (new.version, new.state) == (3, "stored")
    assert MARK.encode() not in await depot.kept("a", new.key)


async def test_who_was_taken_for_dead_leaves_nothing_staged(depot: Depot, tmp_path: Path) -> None:
    """Whoever took its work has brought the new version to its end, and removed what was staged, meanwhile."""
    aip, message = await stored(depot, tmp_path)
    await order(depot, message, aip.units(*PLANTED))

    class Overtaken(Rewriter):
        @override
        async def _stage(self, key: str, path: Path, rewritten: Rewritten) -> None:
            await depot.release()
            await rewrite(depot)
            await depot.work_off()
            await unstage(depot)
            await super()._stage(key, path, rewritten)

    (held,) = await depot.lease(REWRITE)
    with pytest.raises(StaleLease):
        await Overtaken(depot.database, depot.sites, depot.staging).rewrite(held)
    await unstage(depot)

    with pytest.raises(NoSuchObject):
        await depot.staging.stat(f"aips/{AIP_ID}-v2")
    assert (await depot.holding(AIP_ID)).state == "stored"


async def test_a_crash_behind_any_step_comes_to_the_same_version(
    depot: Depot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(STEPS) == {name for name in FAULT_POINTS if name.startswith("storage.rewrite.")}
    aip, message = await stored(depot, tmp_path)
    await order(depot, message, aip.units(*PLANTED))
    staged = ""

    for step in STEPS:
        monkeypatch.setattr(faults, "strike", partial(die_at, step))
        with pytest.raises(Died):
            await go_on(depot)
        await depot.release()
        if step == "storage.rewrite.staged":
            staged = (await depot.staging.sha512(f"aips/{AIP_ID}-v2")).sha512
    monkeypatch.setattr(faults, "strike", None)
    await rewrite(depot)
    await unstage(depot)

    new = await depot.holding(AIP_ID)
    assert await depot.work() == []
    assert (new.version, new.state, new.sha512) == (2, "stored", staged)
    assert len(await depot.lines("aip.rewritten")) == 1


async def go_on(depot: Depot) -> None:
    await rewrite(depot)
    await depot.work_off()
    await unstage(depot)


def die_at(step: str, name: str) -> None:
    if name == step:
        raise Died(name)
