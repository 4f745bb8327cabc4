"""A rebuild into a database restored from a back-up, or beside rooms that run: what is under way is left alone."""

import pytest

from bench.kept_sites import KeptSite
from services.storage import rebuilding
from services.storage.domain.copies import CopyState
from services.storage.queries import holdings
from services.storage.reading import content
from services.storage.settings import SiteSettings
from services.storage.sites import open_sites
from tests.integration.rebuild.ruins import Ruins

pytestmark = pytest.mark.integration

UNFINISHED = (
    "UPDATE storage.holding SET state = 'storing', stored_at = NULL WHERE kind = 'aip'",
    """UPDATE storage.copy SET state = 'to_write', written_at = NULL
       FROM storage.holding WHERE holding.id = copy.holding AND holding.kind = 'aip'""",
    "UPDATE ingest.transfer SET state = 'storing', granted_at = NULL WHERE purged_by IS NULL",
    "DELETE FROM storage.work",
)


async def test_what_has_ended_since_the_backup_has_ended(ruins: Ruins) -> None:
    await ruins.rebuild()
    before = await ruins.content()
    for statement in UNFINISHED:
        await ruins.databases.as_superuser(statement)

    report = await ruins.rebuild()

    assert report.findings == []
    assert await ruins.content() == before


async def test_an_aip_that_a_room_is_storing_is_left_to_it(ruins: Ruins, kept: KeptSite) -> None:
    await ruins.rebuild()
    lately = KeptSite(seed="lately")
    lately.found()
    aip = lately.deposit()
    for folder in ruins.folders:
        lately.write_to(folder)
    await ruins.databases.as_superuser(
        """INSERT INTO storage.holding (id, version, kind, establishment, key, sha512, size, state, facts)
           VALUES ($1, 1, 'aip', $2, $3, 'x', 1, 'storing', '{}')""",
        aip,
        lately.establishment,
        next(key for key in lately.objects if key.endswith(".tar")),
    )

    report = await ruins.rebuild()

    assert {one.place.split("/")[1] for one in report.findings} == {"records"}
    assert await ruins.rows("SELECT 1 FROM data_management.aip WHERE aip_id = $1", aip) == []
    assert kept.establishment != lately.establishment


async def test_what_is_back_is_given_before_it_is_read_back(ruins: Ruins, kept: KeptSite) -> None:
    await ruins.rebuild()
    places = (
        SiteSettings(name="a", kind="filesystem", place="Rennes", path=str(ruins.folder)),
        SiteSettings(name="b", kind="filesystem", place="Brest", path=str(ruins.folder.with_name("site-b"))),
    )
    sites = open_sites(places)
    async with ruins.rooms["storage"].reading() as connection:
        found = await holdings.with_copies(connection, kept.id("aip 1"))
    assert found is not None
    held, copies = found

    given = [chunk async for chunk in await content(held, copies, sites, 0, held.size)]

    assert {copy.state for copy in copies} == {CopyState.WRITTEN}
    assert b"".join(given) == kept.objects[held.key]
    for site in sites.values():
        await site.store.close()


async def test_copies_are_read_back_some_at_a_time(ruins: Ruins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "READ_BACK_AT_ONCE", 3)
    await ruins.rebuild()
    storage = ruins.rooms["storage"]
    asked = await ruins.rows("SELECT key FROM storage.work WHERE kind = 'verify'")

    assert len(asked) == 3
    assert await rebuilding.read_back_rebuilt(storage) == 0
    await ruins.databases.as_superuser(
        """UPDATE storage.copy SET state = 'verified'
           WHERE concat_ws('/', holding, version, site) IN (SELECT key FROM storage.work)"""
    )
    await ruins.databases.as_superuser("DELETE FROM storage.work")
    assert await rebuilding.read_back_rebuilt(storage) == 3
    again = await ruins.rows("SELECT key FROM storage.work WHERE kind = 'verify'")
    assert not {row["key"] for row in asked} & {row["key"] for row in again}
