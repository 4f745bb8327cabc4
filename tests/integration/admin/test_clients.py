"""Clients act under mandates, and nobody hands out more than they hold themselves."""

from uuid import uuid4

import pytest

from tests.integration.admin.house import House
from tests.servers import Databases

pytestmark = pytest.mark.integration


async def test_a_client_gets_a_secret_that_is_shown_once(house: House, databases: Databases) -> None:
    town = await house.establishment()

    made = await house.credentials((town["identifier"], ["depositor", "reader"]))

    shown = (await house.root.get(f"/admin/v1/clients/{made['client_id']}")).text
    kept = await databases.as_superuser("SELECT * FROM admin.client WHERE id = $1", made["client_id"])
    assert made["client_secret"] not in shown + repr(kept)
    assert "client_secret" not in shown
    assert "sha256" not in shown


async def test_mandates_are_journaled_where_they_hold_and_names_are_not(house: House) -> None:
    town = await house.establishment()

    made = await house.credentials((town["id"], ["reader", "depositor"]), ("*", ["auditor"]), name="Jeanne Martin")

    lines = [line for line in await house.lines() if line.object == f"client:{made['client_id']}"]
    given = {(str(line.establishment), line.details["roles"]) for line in lines if line.action == "mandate.given"}
    assert given == {(town["id"], "depositor reader"), ("None", "auditor")}
    assert "Martin" not in repr(await house.lines())


async def test_mandates_with_the_same_roles_travel_together(house: House) -> None:
    towns = [(await house.establishment())["id"] for _ in range(3)]
    made = await house.credentials(*((town, ["reader"]) for town in towns), (towns[0], ["auditor"]))

    shown = (await house.root.get(f"/admin/v1/clients/{made['client_id']}")).json()

    assert sorted(shown["mandates"], key=lambda mandate: mandate["roles"]) == [
        {"roles": ["auditor"], "establishments": [towns[0]]},
        {"roles": ["reader"], "establishments": sorted(towns)},
    ]


async def test_unknown_establishments_are_all_named(house: House) -> None:
    town = await house.establishment()
    strangers = [str(uuid4()), "NULLE-PART"]
    body = {
        "name": "C",
        "mandates": [{"establishment": one, "roles": ["reader"]} for one in (town["id"], *strangers)],
    }

    answer = await house.root.post("/admin/v1/clients", json=body)

    assert (answer.status_code, answer.json()["code"]) == (404, "establishment_not_found")
    assert answer.json()["establishments"] == strangers


async def test_a_token_for_too_many_establishments_would_fit_no_header_and_the_error_says_so(
    house: House,
) -> None:
    towns = [(await house.establishment(f"PETITE-{place}"))["id"] for place in range(201)]
    mandates = [{"establishment": town, "roles": ["reader"]} for town in towns]

    refused = await house.root.post("/admin/v1/clients", json={"name": "C", "mandates": mandates})
    taken = await house.root.post("/admin/v1/clients", json={"name": "C", "mandates": mandates[:200]})

    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_mandates")
    assert "en-tête HTTP" in refused.json()["detail"]
    token = (await house.ask_token(taken.json())).json()["access_token"]
    assert len(token) < 12_000


@pytest.mark.parametrize("roles", [[], ["emperor"]])
async def test_roles_are_those_of_the_matrix(house: House, roles: list[str]) -> None:
    body = {"name": "C", "mandates": [{"establishment": "*", "roles": roles}]}

    assert (await house.root.post("/admin/v1/clients", json=body)).status_code == 422


async def test_a_security_officer_of_one_town_hands_out_mandates_there_only(house: House) -> None:
    mine, foreign = await house.establishment(), await house.establishment()
    officer = await house.client((mine["id"], ["security_officer"]))

    def body(establishment: str) -> dict[str, object]:
        return {"name": "C", "mandates": [{"establishment": establishment, "roles": ["reader"]}]}

    answers = [
        await officer.post("/admin/v1/clients", json=body(place)) for place in (mine["id"], foreign["id"], "*")
    ]

    assert [answer.status_code for answer in answers] == [201, 404, 403]


async def test_a_security_officer_of_one_town_sees_clients_that_are_wholly_theirs(house: House) -> None:
    mine, foreign = await house.establishment(), await house.establishment()
    own = await house.credentials((mine["id"], ["reader"]))
    shared = await house.credentials((mine["id"], ["reader"]), (foreign["id"], ["reader"]))
    everywhere = await house.credentials(("*", ["reader"]))
    nowhere = await house.credentials()
    officer = await house.client((mine["id"], ["security_officer"]))

    listed = {one["client_id"] for one in (await officer.get("/admin/v1/clients")).json()["items"]}

    assert own["client_id"] in listed
    for one in (shared, everywhere, nowhere):
        assert one["client_id"] not in listed
        path = f"/admin/v1/clients/{one['client_id']}"
        assert (await officer.get(path)).status_code == 404
        assert (await officer.delete(path)).status_code == 404
        assert (await officer.post(f"{path}/secret")).status_code == 404


async def test_a_disabled_client_gets_no_token_until_it_is_let_in_again(house: House) -> None:
    made = await house.credentials(("*", ["reader"]))
    path = f"/admin/v1/clients/{made['client_id']}"

    assert (await house.root.delete(path)).status_code == 204
    disabled = await house.ask_token(made)
    await house.root.patch(path, json={"state": "active"})
    enabled = await house.ask_token(made)

    assert (disabled.status_code, enabled.status_code) == (401, 200)


async def test_clients_are_paged_to_the_end(house: House) -> None:
    made = [await house.credentials(("*", ["reader"])) for _ in range(3)]
    listed, cursor = [], None

    while True:
        query = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
        page = (await house.root.get("/admin/v1/clients", params=query)).json()
        listed += [one["client_id"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert listed[-3:] == [one["client_id"] for one in made]
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("role", ["administrator", "security_officer"])
async def test_a_security_officer_makes_nobody_who_manages_clients(house: House, role: str) -> None:
    town = await house.establishment()
    officer = await house.client((town["id"], ["security_officer"]))
    body = {"name": "C", "mandates": [{"establishment": town["id"], "roles": ["reader", role]}]}

    answer = await officer.post("/admin/v1/clients", json=body)

    assert (answer.status_code, answer.json()["code"]) == (403, "roles_above")
    assert answer.json()["roles"] == [role]
    assert (await house.root.post("/admin/v1/clients", json=body)).status_code == 201


async def test_a_security_officer_takes_over_no_administrator(house: House) -> None:
    above = await house.credentials(("*", ["administrator"]))
    officer = await house.client(("*", ["security_officer"]))
    path = f"/admin/v1/clients/{above['client_id']}"

    answers = [
        await officer.post(f"{path}/secret"),
        await officer.delete(path),
        await officer.patch(path, json={"state": "active"}),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "roles_above")] * 3
    assert (await house.ask_token(above)).status_code == 200
