"""Who can write on one site puts something there: no line tells of it, and no other site has it."""

from datetime import timedelta

import pytest
import rfc8785

from bench.kept_sites import NOON, KeptSite
from services.storage.domain.keys import aip_key, record_key
from shared.messages.admin import OrganisationChangedV1
from tests.integration.rebuild.ruins import Ruins

pytestmark = pytest.mark.integration


def renamed(kept: KeptSite, version: int = 2) -> bytes:
    """A record that gives the establishment another name."""
    changed = OrganisationChangedV1(
        message_id=kept.id("planted"),
        occurred_at=NOON + timedelta(days=1),
        organisation=kept.establishment,
        version=version,
        kind="establishment",
        identifier=kept.name,
        name="Planté",
    )
    return rfc8785.dumps({"topic": changed.topic, "fact": changed.model_dump(mode="json")})


async def name_of_the_town(ruins: Ruins) -> str:
    (organisation,) = await ruins.rows("SELECT name FROM admin.organisation")
    return str(organisation["name"])


async def test_a_later_version_that_nobody_knows_does_not_take_the_place_of_an_aip(
    ruins: Ruins, kept: KeptSite
) -> None:
    aip = kept.id("aip 1")
    first = ruins.folder / aip_key(kept.establishment, aip, 1)
    planted = aip_key(kept.establishment, aip, 2)
    ruins.plant(planted, first.read_bytes())

    for take in (False, True):
        report = await ruins.rebuild(take_unlogged=take)
        assert [(one.code, one.place) for one in report.findings] == [("without_line", planted)]

    (standing,) = await ruins.rows("SELECT version FROM data_management.aip WHERE aip_id = $1", aip)
    assert standing["version"] == 1
    assert await ruins.rows("SELECT 1 FROM storage.holding WHERE key = $1", planted) == []


async def test_what_one_site_alone_has_is_taken_only_as_asked(ruins: Ruins, kept: KeptSite) -> None:
    planted = record_key(kept.establishment, "organisation", kept.establishment, 2)
    ruins.plant(planted, renamed(kept))

    report = await ruins.rebuild()

    assert [(one.code, one.place) for one in report.findings] == [("without_line", planted)]
    assert await name_of_the_town(ruins) == "Bourg"
    asked = await ruins.rebuild(take_unlogged=True)
    assert [(one.code, one.place) for one in asked.findings] == [("without_line", planted)]
    assert await name_of_the_town(ruins) == "Planté"


@pytest.mark.parametrize("place", ["owner", "kind", "id", "version"])
async def test_a_record_speaks_of_what_its_key_names(ruins: Ruins, kept: KeptSite, place: str) -> None:
    town = kept.establishment
    names = {
        "owner": record_key(kept.id("another"), "organisation", town, 2),
        "kind": record_key(town, "decision", town, 2),
        "id": record_key(town, "organisation", kept.id("another"), 2),
        "version": record_key(town, "organisation", town, 3),
    }
    ruins.plant(names[place], renamed(kept))

    report = await ruins.rebuild(take_unlogged=True)

    codes = [(one.code, one.place) for one in report.findings]
    assert codes == [("without_line", names[place]), ("record_unreadable", names[place])]
    assert await name_of_the_town(ruins) == "Bourg"
