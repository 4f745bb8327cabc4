"""Plans, findings, headers and inventories come back from JSON exactly as they went."""

import json
from dataclasses import replace
from typing import Any

from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.profile import AppliedProfile
from services.ingest.domain.records import (
    findings_of_json,
    findings_to_json,
    header_of_json,
    header_to_json,
    pack_inventory,
    plan_of_json,
    plan_to_json,
    unpack_inventory,
)
from tests.builders.aips import a_file, a_header, a_plan, an_inventory

FINDINGS = (
    Finding("OBJECT_DIGEST_MISMATCH", Severity.ERROR, "Content/délibération n°12.pdf", {"found": "ab", "said": "cd"}),
    Finding("RULE_UNKNOWN", Severity.WARNING, "manifest.xml:51 ID22", {}),
)


def through_json(value: object) -> Any:  # noqa: ANN401
    return json.loads(json.dumps(value))


def test_findings_come_back_in_their_order() -> None:
    assert findings_of_json(through_json(findings_to_json(FINDINGS))) == FINDINGS


def test_a_header_comes_back_with_what_it_lacks() -> None:
    header = a_header(archival_agreement=None)

    assert header_of_json(through_json(header_to_json(header))) == header


def test_a_plan_comes_back_with_its_findings_and_names_the_same_units() -> None:
    plan = a_plan(FINDINGS)

    again = plan_of_json(through_json(plan_to_json(plan)))

    assert again == plan
    assert (again.unit_id("AU1"), again.object_id("AU1")) == (plan.unit_id("AU1"), plan.object_id("AU1"))


def test_a_plan_says_by_which_profile_and_without_one_it_is_what_the_release_before_reads() -> None:
    applied = AppliedProfile("PES", 3, "relaxng", "ab" * 64)
    judged = replace(a_plan(), profile=applied)

    assert plan_of_json(through_json(plan_to_json(judged))) == judged
    assert "profile" not in plan_to_json(a_plan())
    assert plan_of_json(plan_to_json(a_plan())).profile is None


def test_an_inventory_comes_back_file_by_file() -> None:
    inventory = an_inventory(
        (a_file("Content/é.pdf", b"one"), a_file("Content/\u2028b", b"", puid=None), a_file("c" * 300, bytes(1000)))
    )

    assert unpack_inventory(pack_inventory(inventory)) == inventory


def test_an_inventory_of_many_files_is_packed_small() -> None:
    inventory = an_inventory(tuple(a_file(f"Content/{n:06}.pdf", b"%d" % (n % 3)) for n in range(2000)))

    assert len(pack_inventory(inventory)) < 100_000


def test_identifiers_depend_on_the_aip_the_kind_and_the_name_and_on_nothing_else() -> None:
    plan = a_plan()

    names = {plan.unit_id("ID1"), plan.object_id("ID1"), plan.group_id("ID1"), plan.unit_id("ID2")}
    assert len(names) == 4
    assert a_plan(FINDINGS).unit_id("ID1") == plan.unit_id("ID1")
    assert {name.version for name in names} == {5}
