"""Organisations: created once, changed by version, told to every room, seen by those within scope."""

import pytest

from shared.messages.admin import OrganisationChangedV1
from tests.integration.admin.house import House

pytestmark = pytest.mark.integration


async def test_an_establishment_is_created_told_and_journaled(house: House) -> None:
    made = await house.establishment(siret="21990042000015", department="99")

    told = [OrganisationChangedV1.model_validate_json(body) for body in await house.told("organisation.changed.v1")]
    (message,) = [one for one in told if str(one.organisation) == made["id"]]
    assert (message.version, message.kind, message.siret) == (1, "establishment", "21990042000015")
    (line,) = [line for line in await house.lines() if line.object == f"organisation:{made['id']}"]
    assert (line.kind, line.action, str(line.establishment)) == ("events", "organisation.created", made["id"])


async def test_an_establishment_is_found_by_id_and_by_identifier(house: House) -> None:
    made = await house.establishment("Saint-Même (35)")

    for reference in (made["id"], made["id"].upper(), "Saint-Même (35)"):
        answer = await house.root.get(f"/admin/v1/establishments/{reference}")
        assert (answer.status_code, answer.json()["id"]) == (200, made["id"])


async def test_an_identifier_is_never_taken_twice(house: House) -> None:
    made = await house.establishment()

    again = await house.root.post(
        "/admin/v1/establishments", json={"identifier": made["identifier"], "name": "Autre"}
    )

    assert (again.status_code, again.json()["code"]) == (409, "identifier_taken")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"siret": "21990042000016"}, "invalid_siret"),
        ({"siret": "2199004200001"}, "invalid_siret"),
        ({"identifier": "a/b"}, "invalid_identifier"),
        ({"identifier": "*"}, "invalid_identifier"),
        ({"identifier": "01930000-0000-7000-8000-000000000001"}, "invalid_identifier"),
        ({"name": " "}, "invalid_name"),
        ({"department": "Ille-et-Vilaine"}, "invalid_department"),
    ],
)
async def test_what_is_wrong_is_said(house: House, fields: dict[str, str], code: str) -> None:
    body = {"identifier": "BONNE", "name": "Bonne", **fields}

    answer = await house.root.post("/admin/v1/establishments", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"] == [{"place": next(iter(fields)), "code": code}]


async def test_all_faults_are_told_at_once_in_the_callers_language(house: House) -> None:
    body = {"identifier": "", "name": "", "siret": "1"}

    answer = await house.root.post("/admin/v1/establishments", json=body, headers={"Accept-Language": "en"})

    assert [error["place"] for error in answer.json()["errors"]] == ["identifier", "name", "siret"]
    assert "A SIRET has 14 digits" in answer.json()["detail"]


async def test_a_change_is_a_new_version_and_the_same_again_is_none(house: House) -> None:
    made = await house.establishment()
    path = f"/admin/v1/establishments/{made['identifier']}"

    first = await house.root.patch(path, json={"name": "Nouveau nom"}, headers={"If-Match": '"1"'})
    same = await house.root.patch(path, json={"name": "Nouveau nom"})
    stale = await house.root.patch(path, json={"name": "Encore"}, headers={"If-Match": '"1"'})

    assert (first.json()["version"], first.headers["etag"]) == (2, '"2"')
    assert same.json()["version"] == 2
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")


async def test_an_archivist_of_one_town_sees_no_other(house: House) -> None:
    mine, foreign = await house.establishment(), await house.establishment()
    archivist = await house.client((mine["id"], ["archivist"]))

    listed = (await archivist.get("/admin/v1/establishments")).json()["items"]
    by_id = await archivist.get(f"/admin/v1/organisations/{foreign['id']}")
    by_name = await archivist.get(f"/admin/v1/establishments/{foreign['identifier']}")

    assert [one["id"] for one in listed] == [mine["id"]]
    assert (by_id.status_code, by_name.status_code) == (404, 404)


async def test_an_administrator_of_one_town_cannot_create_another(house: House) -> None:
    mine = await house.establishment()
    administrator = await house.client((mine["id"], ["administrator"]))

    answer = await administrator.post("/admin/v1/establishments", json={"identifier": "X", "name": "X"})

    assert (answer.status_code, answer.json()["code"]) == (403, "platform_only")


async def test_organisations_of_every_kind_are_paged_to_the_end(house: House) -> None:
    for place in range(3):
        body = {"kind": "control_authority", "identifier": f"AD-{place}", "name": f"Archives {place}"}
        assert (await house.root.post("/admin/v1/organisations", json=body)).status_code == 201

    query: dict[str, str | int] = {"kind": "control_authority", "limit": 2}
    first = (await house.root.get("/admin/v1/organisations", params=query)).json()
    last = (await house.root.get("/admin/v1/organisations", params={**query, "cursor": first["next"]})).json()

    assert [one["identifier"] for one in first["items"] + last["items"]] == ["AD-0", "AD-1", "AD-2"]
    assert last["next"] is None


async def test_without_a_token_nothing_is_shown(house: House) -> None:
    answer = await house.everybody.get("/admin/v1/establishments")

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
