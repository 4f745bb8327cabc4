"""What was purged does not come back: not from a site, and not from a back-up that still has it."""

from uuid import UUID

import pytest

from bench.kept_sites import KeptSite
from services.data_management.forgetting import FORGET, forget
from shared.messaging.work import lease
from tests.integration.rebuild.ruins import Ruins

pytestmark = pytest.mark.integration


def a_site(*, purged: bool) -> tuple[KeptSite, UUID]:
    """Two AIPs, the second purged on order."""
    site = KeptSite(seed="purged")
    site.found()
    site.deposit(2)
    gone = site.deposit(3)
    if purged:
        site.purge(gone)
    site.close()
    return site, gone


async def forget_in_catalogue(ruins: Ruins) -> None:
    """Do the work that data management was asked for, as its worker would."""
    database = ruins.rooms["data_management"]
    for held in await lease(database, [FORGET], 10):
        await forget(database, held)


async def test_of_an_empty_database_only_the_trace_comes_back(ruins: Ruins) -> None:
    site, gone = a_site(purged=True)
    ruins.lay(site)

    report = await ruins.rebuild()
    await forget_in_catalogue(ruins)

    assert report.findings == []
    (trace,) = await ruins.rows("SELECT * FROM ingest.transfer WHERE aip_id = $1", gone)
    assert (trace["state"], trace["purged_by"], trace["header"]) == ("accepted", site.id(f"order {gone}"), None)
    (closed,) = await ruins.rows("SELECT * FROM data_management.aip WHERE aip_id = $1", gone)
    assert (closed["purged_by"], closed["units"]) == (trace["purged_by"], 0)
    assert len(await ruins.rows("SELECT 1 FROM access.purged_aip WHERE aip = $1", gone)) == 1
    assert (await ruins.counts())["data_management.unit"] == 2
    assert await ruins.rows("SELECT 1 FROM storage.holding WHERE id = $1", gone) == []


async def test_given_again_it_finds_as_it_must_be_what_the_rooms_have_not_told_yet(ruins: Ruins) -> None:
    site, _ = a_site(purged=True)
    ruins.lay(site)
    await ruins.rebuild()
    assert await ruins.rows("SELECT 1 FROM access.outbox WHERE topic = 'journal.lines.v1'") != []

    report = await ruins.rebuild()

    assert report.findings == []


async def test_a_copy_that_is_attested_to_be_destroyed_is_not_missed(ruins: Ruins) -> None:
    site = KeptSite(seed="attested")
    site.found()
    site.purge(site.deposit(2), "copy.attested_destroyed")
    site.close()
    ruins.lay(site)

    report = await ruins.rebuild()

    assert report.findings == []


async def test_a_backup_from_before_the_purge_forgets_it(ruins: Ruins) -> None:
    site, gone = a_site(purged=False)
    ruins.lay(site)
    await ruins.rebuild()
    assert (await ruins.counts())["data_management.unit"] == 5
    site.purge(gone)
    site.close()
    ruins.lay(site)

    report = await ruins.rebuild()
    await forget_in_catalogue(ruins)

    assert report.findings == []
    states = await ruins.rows(
        "SELECT holding.state AS h, copy.state AS c FROM storage.holding JOIN storage.copy"
        " ON holding = id AND copy.version = holding.version WHERE id = $1",
        gone,
    )
    assert [(row["h"], row["c"]) for row in states] == [("purged", "purged")] * 2
    (trace,) = await ruins.rows("SELECT header, purged_by FROM ingest.transfer WHERE aip_id = $1", gone)
    assert (trace["header"], trace["purged_by"]) == (None, site.id(f"order {gone}"))
    assert (await ruins.counts())["data_management.unit"] == 2


async def test_what_was_purged_and_lies_there_again_stays_away(ruins: Ruins) -> None:
    whole, gone = a_site(purged=False)
    site, _ = a_site(purged=True)
    ruins.lay(site)
    key = next(key for key in whole.objects if str(gone) in key)
    ruins.plant(key, whole.objects[key])

    report = await ruins.rebuild()

    assert [(one.code, one.place) for one in report.findings] == [("purged_but_there", key)]
    assert await ruins.rows("SELECT 1 FROM storage.holding WHERE id = $1", gone) == []
    assert (await ruins.counts())["data_management.unit"] == 2


@pytest.mark.parametrize("back", [False, True])
async def test_a_purge_of_which_only_its_record_has_left_is_one(ruins: Ruins, *, back: bool) -> None:
    site, gone = a_site(purged=False)
    key = next(key for key in site.objects if str(gone) in key)
    content = site.objects[key]
    ruins.lay(site)
    if back:
        await ruins.rebuild()
    site.purge(gone)
    ruins.lay(site)
    if not back:
        ruins.plant(key, content)

    report = await ruins.rebuild()
    await forget_in_catalogue(ruins)

    codes = [one.code for one in report.findings]
    assert codes == (["without_line"] if back else ["without_line", "purged_but_there"])
    states = await ruins.rows("SELECT state FROM storage.holding WHERE id = $1", gone)
    assert [row["state"] for row in states] == (["purged"] if back else [])
    assert (await ruins.counts())["data_management.unit"] == 2
