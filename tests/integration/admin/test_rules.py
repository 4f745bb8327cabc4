"""The rule referential: the access codes of SEDA from the start, others as the archive publishes them."""

import pytest

from shared.messages.admin import RulesPublishedV1
from tests.integration.admin.house import House

pytestmark = pytest.mark.integration


async def test_the_access_codes_are_there_from_the_start(house: House) -> None:
    depositor = await house.client(((await house.establishment())["id"], ["depositor"]))

    rules = {rule["code"]: rule for rule in (await depositor.get("/admin/v1/rules")).json()}

    assert {f"AR{number:03}" for number in range(38, 63)} <= set(rules)
    assert rules["AR048"] == {"code": "AR048", "category": "AccessRule", "duration": "P50Y"}
    assert rules["AR062"]["duration"] == "unlimited"


async def test_rules_are_added_and_changed_by_code_and_the_others_stay(house: House) -> None:
    new = {"code": "DUA-PES", "category": "AppraisalRule", "duration": "P10Y", "final_action": "Destroy"}
    before = len((await house.root.get("/admin/v1/rules")).json())

    added = await house.root.put("/admin/v1/rules", json={"rules": [new]})
    same = await house.root.put("/admin/v1/rules", json={"rules": [new]})
    changed = await house.root.put("/admin/v1/rules", json={"rules": [{**new, "final_action": "Keep"}]})

    assert [answer.json()["changed"] for answer in (added, same, changed)] == [1, 0, 1]
    rules = (await house.root.get("/admin/v1/rules")).json()
    assert len(rules) == before + 1
    assert {**new, "final_action": "Keep"} in rules


async def test_a_publication_is_told_with_the_rules_that_it_changed_and_no_others(house: House) -> None:
    kept = {"code": "DUA-KEPT", "category": "AppraisalRule", "duration": "P1Y", "final_action": "Keep"}
    moved = {"code": "DUA-MOVED", "category": "AppraisalRule", "duration": "P2Y", "final_action": "Keep"}
    before = len(await house.told(RulesPublishedV1.topic))
    await house.root.put("/admin/v1/rules", json={"rules": [moved, kept]})
    await house.root.put("/admin/v1/rules", json={"rules": [kept, {**moved, "duration": "P3Y"}]})
    await house.root.put("/admin/v1/rules", json={"rules": [kept]})

    bodies = (await house.told(RulesPublishedV1.topic))[before:]
    first, second = [RulesPublishedV1.model_validate_json(body) for body in bodies]
    assert [(rule.code, rule.version, rule.duration) for rule in first.rules] == [
        ("DUA-KEPT", 1, "P1Y"),
        ("DUA-MOVED", 1, "P2Y"),
    ]
    assert [(rule.code, rule.version, rule.duration) for rule in second.rules] == [("DUA-MOVED", 2, "P3Y")]
    assert first.publication != second.publication
    lines = {
        line.details["publication"]: line.actor for line in await house.lines() if line.action == "rules.published"
    }
    assert lines[str(second.publication)] == second.published_by


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"duration": "10 ans"}, "invalid_duration"),
        ({"duration": "P"}, "invalid_duration"),
        ({"final_action": "Copy"}, "invalid_final_action"),
        ({"code": "avec espace"}, "invalid_rule_code"),
        ({"category": "Rule"}, "invalid_request"),
    ],
)
async def test_what_is_wrong_is_said(house: House, fields: dict[str, str], code: str) -> None:
    rule = {"code": "X", "category": "AppraisalRule", "duration": "P1Y", **fields}

    answer = await house.root.put("/admin/v1/rules", json={"rules": [rule]})

    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_rules_are_everybodys_so_an_archivist_of_one_town_does_not_change_them(house: House) -> None:
    archivist = await house.client(((await house.establishment())["id"], ["archivist"]))

    answer = await archivist.put("/admin/v1/rules", json={"rules": []})

    assert answer.status_code == 403
