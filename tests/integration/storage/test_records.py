"""Agreements and organisations are kept as records beside the AIPs: an establishment leaves with all it owns."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from services.storage.handlers import take_agreements, take_organisations
from shared.messages.admin import AgreementPublishedV1, OrganisationChangedV1
from shared.messages.message import Message
from shared.messages.storage import AipStoredV1
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot

pytestmark = pytest.mark.integration

GOLDEN = Path(__file__).parents[2] / "golden" / "messages"
PUBLISHED = AgreementPublishedV1.model_validate_json((GOLDEN / "agreement.published.v1.json").read_bytes())
CHANGED = OrganisationChangedV1.model_validate_json((GOLDEN / "organisation.changed.v1.json").read_bytes())


async def keep(depot: Depot, message: Message) -> None:
    take = take_agreements if isinstance(message, AgreementPublishedV1) else take_organisations
    async with depot.database.begin() as tx:
        await take(sorted(depot.sites))(tx, [message])


async def record(depot: Depot, site: str, key: str, version_id: str | None = None) -> object:
    return json.loads(await depot.kept(site, key, version_id))


@pytest.mark.parametrize("kind", ["folders", "buckets"])
async def test_each_version_of_an_agreement_stands_on_every_site(open_depot: OpenDepot, kind: str) -> None:
    depot = await open_depot(kind)
    later = AgreementPublishedV1(
        agreement=PUBLISHED.agreement.model_copy(update={"version": PUBLISHED.agreement.version + 1})
    )
    await keep(depot, PUBLISHED)
    await keep(depot, later)

    await depot.work_off()

    agreement = PUBLISHED.agreement
    for message, version in ((PUBLISHED, agreement.version), (later, agreement.version + 1)):
        key = f"{agreement.establishment}/records/agreement/{agreement.id}/{version}.json"
        for site in depot.sites:
            assert await record(depot, site, key) == {
                "topic": "agreement.published.v1",
                "fact": message.model_dump(mode="json"),
            }
    assert (await depot.holding(agreement.id)).state == "stored"
    assert len(await depot.lines("record.stored")) == 2
    assert len(await depot.lines("copy.written")) == 4
    assert await depot.told(AipStoredV1) == []


async def test_an_establishment_lies_with_its_own_and_other_organisations_with_the_platform(depot: Depot) -> None:
    town = CHANGED.model_copy(update={"kind": "establishment", "organisation": UUID(int=1)})
    agency = CHANGED.model_copy(update={"kind": "archival_agency", "organisation": UUID(int=2)})

    for message in (town, agency):
        await keep(depot, message)
    await depot.work_off()

    version = CHANGED.version
    for owner, message in ((str(town.organisation), town), ("platform", agency)):
        key = f"{owner}/records/organisation/{message.organisation}/{version}.json"
        assert await record(depot, "a", key) == await record(depot, "b", key)
        assert (await depot.holding(message.organisation)).key == key


async def test_the_same_version_told_twice_is_one_record(depot: Depot) -> None:
    again = AgreementPublishedV1(agreement=PUBLISHED.agreement)
    await keep(depot, PUBLISHED)
    await depot.work_off()

    await keep(depot, PUBLISHED)
    await keep(depot, again)

    assert await depot.work() == []
    key = (await depot.holding(PUBLISHED.agreement.id)).key
    assert await record(depot, "a", key) == {
        "topic": "agreement.published.v1",
        "fact": PUBLISHED.model_dump(mode="json"),
    }


async def test_a_record_is_written_in_its_one_canonical_form(depot: Depot) -> None:
    await keep(depot, PUBLISHED)
    await depot.work_off()

    body = await depot.kept("b", (await depot.holding(PUBLISHED.agreement.id)).key)

    # The first of the agreement's fields by name.
    assert body.startswith(b'{"fact":{"agreement":{"antivirus":')
    assert b": " not in body
