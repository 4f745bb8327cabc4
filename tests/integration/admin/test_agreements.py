"""Agreements: every change is a version, the newest is in force, the others are history."""

import asyncio
from typing import Any

import pytest

from shared.messages.admin import AgreementPublishedV1, AgreementV1
from tests.integration.admin.house import House

pytestmark = pytest.mark.integration

TERMS: dict[str, Any] = {
    "match_header": "record",
    "unknown_rules": "warn",
    "usages": "lenient",
    "formats": ["fmt/95", "x-fmt/111"],
    "decision": "archivist",
    "reply_codes": "numeric",
    "max_bytes": 10_000_000_000,
    "max_units": 100_000,
    "schema_tolerances": ["free_content", "far_dates"],
    "unidentified": False,
    "antivirus": "required",
    "valid_from": "2026-01-01",
    "valid_to": "2031-12-31",
    "archival_agencies": ["CDG"],
    "transferring_agencies": ["PASTELL", "21350001500017"],
    "originating_agencies": ["Service des finances"],
    "submission_agencies": ["SYNDICAT"],
    "quota_bytes": 2_000_000_000_000,
    "sandbox": True,
    "signatures": "warn",
    "message_signature": "reject",
    "signatures_required": True,
    "message_signature_required": True,
    "decision_days": 30,
}


async def published(house: House, agreement: str) -> list[AgreementV1]:
    told = [AgreementPublishedV1.model_validate_json(body) for body in await house.told("agreement.published.v1")]
    return [one.agreement for one in told if str(one.agreement.id) == agreement]


async def test_an_agreement_is_made_told_and_journaled(house: House) -> None:
    town = await house.establishment()

    made = await house.agreement(town["identifier"], **TERMS)

    (told,) = await published(house, made["id"])
    assert AgreementV1.model_validate(made) == told
    assert told.reply_codes == "numeric"
    assert (told.version, told.state, told.formats) == (1, "active", ("fmt/95", "x-fmt/111"))
    assert {name: made[name] for name in TERMS} == TERMS
    assert (str(told.establishment), told.establishment_identifier) == (town["id"], town["identifier"])
    (line,) = [line for line in await house.lines() if line.object == f"agreement:{made['id']}"]
    assert (line.action, str(line.establishment)) == ("agreement.published", town["id"])


async def test_a_room_finds_it_by_id_and_by_identifier(house: House) -> None:
    town = await house.establishment()
    made = await house.agreement(town["id"], "Accord n° 1 – été")

    for reference in (made["id"], made["identifier"]):
        answer = await house.root.get(f"/admin/v1/agreements/{reference}")
        assert AgreementV1.model_validate(answer.json()) == AgreementV1.model_validate(made)


async def test_without_terms_it_is_strict(house: House) -> None:
    made = await house.agreement((await house.establishment())["id"])

    strict = {"match_header": "strict", "unknown_rules": "reject", "usages": "strict"}
    assert {**made, **strict, "decision": "automatic", "formats": [], "reply_codes": "vitam"} == made
    assert (made["signatures"], made["message_signature"]) == ("ignore", "ignore")


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"formats": ["pdf"]}, "invalid_puid"),
        ({"formats": ["fmt/95", "fmt/95"]}, "duplicate_puid"),
        ({"valid_from": "2026-02-01", "valid_to": "2026-01-01"}, "invalid_dates"),
        ({"valid_from": "2026-02-30"}, "invalid_request"),
        ({"match_header": "maybe"}, "invalid_request"),
        ({"reply_codes": "roman"}, "invalid_request"),
        ({"max_bytes": 0}, "invalid_request"),
        ({"decision_days": 0}, "invalid_request"),
        ({"quota_bytes": 0}, "invalid_request"),
        ({"signatures": "maybe"}, "invalid_request"),
        ({"signatures_required": "yes"}, "invalid_request"),
        ({"signatures_required": True}, "signature_not_judged"),
        ({"message_signature": "record", "message_signature_required": True}, "signature_not_judged"),
        ({"archival_agencies": [" "]}, "invalid_agency"),
        ({"transferring_agencies": ["A", "B "]}, "invalid_agency"),
        ({"originating_agencies": ["A\nB"]}, "invalid_agency"),
        ({"submission_agencies": ["A", "A"]}, "duplicate_agency"),
        ({"valid_too": "2026-01-01"}, "invalid_request"),
        ({"identifier": "a?b"}, "invalid_identifier"),
    ],
)
async def test_what_is_wrong_is_said(house: House, terms: dict[str, Any], code: str) -> None:
    town = await house.establishment()
    body = {"establishment": town["id"], "identifier": "A", "name": "A", **terms}

    answer = await house.root.post("/admin/v1/agreements", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_an_identifier_is_never_taken_twice(house: House) -> None:
    one, other = await house.establishment(), await house.establishment()
    made = await house.agreement(one["id"])

    answer = await house.root.post(
        "/admin/v1/agreements",
        json={"establishment": other["id"], "identifier": made["identifier"], "name": "A"},
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "identifier_taken")


async def test_a_change_is_a_new_version_and_the_first_one_stays(house: House) -> None:
    made = await house.agreement((await house.establishment())["id"], **TERMS)
    path = f"/admin/v1/agreements/{made['identifier']}"

    kept = TERMS.keys() - {"max_bytes"}
    changed = await house.root.patch(path, json={"max_bytes": None, "name": "Autre"}, headers={"If-Match": '"1"'})

    assert (changed.json()["version"], changed.json()["max_bytes"]) == (2, None)
    assert {name: changed.json()[name] for name in kept} == {name: TERMS[name] for name in kept}
    versions = (await house.root.get(f"{path}/versions")).json()["items"]
    assert [(one["version"], one["name"]) for one in versions] == [(1, "Accord"), (2, "Autre")]
    assert [one.version for one in await published(house, made["id"])] == [1, 2]


async def test_a_change_prepared_on_an_older_version_is_refused(house: House) -> None:
    made = await house.agreement((await house.establishment())["id"])
    path = f"/admin/v1/agreements/{made['id']}"
    await house.root.patch(path, json={"name": "Deux"})

    stale = await house.root.patch(path, json={"name": "Trois"}, headers={"If-Match": '"1"'})

    assert (stale.status_code, stale.json()["code"], stale.json()["version"]) == (412, "version_conflict", 2)


async def test_changes_at_the_same_time_each_get_a_version(house: House) -> None:
    made = await house.agreement((await house.establishment())["id"])
    path = f"/admin/v1/agreements/{made['id']}"

    answers = await asyncio.gather(*(house.root.patch(path, json={"name": f"Nom {place}"}) for place in range(6)))

    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4, 5, 6, 7]


async def test_a_suspended_agreement_says_so_until_it_is_active_again(house: House) -> None:
    made = await house.agreement((await house.establishment())["id"])
    path = f"/admin/v1/agreements/{made['id']}"

    suspended = await house.root.post(f"{path}/suspend")
    again = await house.root.post(f"{path}/suspend")
    active = await house.root.patch(path, json={"state": "active"})

    assert (suspended.json()["state"], suspended.json()["version"]) == ("suspended", 2)
    assert again.json()["version"] == 2
    assert (active.json()["state"], active.json()["version"]) == ("active", 3)


async def test_a_depositor_sees_the_agreements_of_their_town_only(house: House) -> None:
    mine, foreign = await house.establishment(), await house.establishment()
    own, other = await house.agreement(mine["id"]), await house.agreement(foreign["id"])
    depositor = await house.client((mine["id"], ["depositor"]))

    listed = (await depositor.get("/admin/v1/agreements")).json()["items"]

    assert [one["id"] for one in listed] == [own["id"]]
    for path in (other["id"], other["identifier"], f"{other['id']}/versions"):
        assert (await depositor.get(f"/admin/v1/agreements/{path}")).status_code == 404
    assert (await depositor.patch(f"/admin/v1/agreements/{own['id']}", json={})).status_code == 403


async def test_an_archivist_makes_no_agreement_for_a_foreign_town(house: House) -> None:
    mine, foreign = await house.establishment(), await house.establishment()
    theirs = await house.agreement(foreign["id"])
    archivist = await house.client((mine["id"], ["archivist"]))

    body = {"establishment": foreign["id"], "identifier": "F", "name": "F"}
    made = await archivist.post("/admin/v1/agreements", json=body)
    changed = await archivist.patch(f"/admin/v1/agreements/{theirs['id']}", json={"name": "X"})
    listed = await archivist.get("/admin/v1/agreements", params={"establishment": foreign["id"]})

    assert (made.status_code, changed.status_code, listed.status_code) == (404, 404, 404)
