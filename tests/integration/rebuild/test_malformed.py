"""One object that is not as any of ours: it is named, and what lies beside it comes back."""

from datetime import timedelta

import pytest
import rfc8785

from bench.kept_sites import NOON, KeptSite
from services.storage.domain.keys import aip_key, record_key
from shared.messages.admin import OrganisationChangedV1
from tests.integration.rebuild.ruins import Ruins

pytestmark = pytest.mark.integration


def record(kept: KeptSite, name: str) -> bytes:
    changed = OrganisationChangedV1(
        message_id=kept.id("malformed"),
        occurred_at=NOON + timedelta(days=1),
        organisation=kept.establishment,
        version=2,
        kind="establishment",
        identifier=kept.name,
        name=name,
    )
    return rfc8785.dumps({"topic": changed.topic, "fact": changed.model_dump(mode="json")})


@pytest.mark.parametrize(
    ("name", "encoding", "code"),
    [("Nul\x00", "utf-8", "record_contradicts"), ("Bourg", "utf-16", "record_unreadable")],
    ids=["nul", "utf-16"],
)
async def test_a_record_that_no_database_holds(
    ruins: Ruins, kept: KeptSite, name: str, encoding: str, code: str
) -> None:
    planted = record_key(kept.establishment, "organisation", kept.establishment, 2)
    ruins.plant(planted, record(kept, name).decode().encode(encoding))

    report = await ruins.rebuild(take_unlogged=True)

    assert [(one.code, one.place) for one in report.findings] == [("without_line", planted), (code, planted)]
    assert (await ruins.counts())["data_management.unit"] == 3006


async def test_an_aip_whose_mets_names_its_catalogue_in_capitals(ruins: Ruins, kept: KeptSite) -> None:
    key = aip_key(kept.establishment, kept.id("aip 1"), 1)
    before, reference, after = kept.objects[key].partition(b'CHECKSUM="')
    ruins.plant(key, before + reference + after[:128].upper() + after[128:])

    report = await ruins.rebuild()

    assert [(one.code, one.place) for one in report.findings] == [("aip_unreadable", key)]
    assert (await ruins.counts())["data_management.aip"] == 3


async def test_an_aip_of_whose_units_others_are_there_does_not_keep_its_batch_away(
    ruins: Ruins, kept: KeptSite
) -> None:
    await ruins.rebuild()
    first, second = kept.id("aip 1"), kept.id("aip 2")
    # The units of the first one stay behind, as another AIP's would be there.
    await ruins.databases.as_superuser("DELETE FROM data_management.aip WHERE aip_id IN ($1, $2)", first, second)
    await ruins.databases.as_superuser(
        """DELETE FROM data_management.unit_child
           WHERE unit_id IN (SELECT id FROM data_management.unit WHERE aip_id = $1)""",
        second,
    )
    await ruins.databases.as_superuser("DELETE FROM data_management.unit WHERE aip_id = $1", second)

    report = await ruins.rebuild()

    key = aip_key(kept.establishment, first, 1)
    assert [(one.code, one.place) for one in report.findings] == [("catalogue_unreadable", key)]
    assert (await ruins.counts())["data_management.aip"] == 3


async def test_what_contradicts_the_database_is_not_loaded(ruins: Ruins, kept: KeptSite) -> None:
    aip = kept.id("aip 1")
    key = aip_key(kept.establishment, aip, 1)
    await ruins.databases.as_superuser(
        """INSERT INTO storage.holding (id, version, kind, establishment, key, sha512, size, state, stored_at, facts)
           VALUES ($1, 1, 'aip', $2, $3, 'other', 1, 'stored', now(), '{}')""",
        aip,
        kept.establishment,
        key,
    )

    report = await ruins.rebuild()

    assert [(one.code, one.place) for one in report.findings] == [("holding_differs", key)]
    assert await ruins.rows("SELECT 1 FROM data_management.aip WHERE aip_id = $1", aip) == []
    assert await ruins.rows("SELECT 1 FROM ingest.transfer WHERE aip_id = $1", aip) == []
