"""One small AIP is kept for ever, with the SIP, the verdict and the plan it was made from.

Whoever must change it has changed what archives keep: he adds a folder beside `v1` (a new version of the
format, or of the catalogue), and readers learn both.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.ingest.domain.limits import Limits
from services.ingest.domain.records import plan_of_json
from services.ingest.domain.sip import (
    ContainerFormat,
    DataObject,
    Header,
    Inventory,
    Manifest,
    MeasuredFile,
    ObjectKind,
    Rule,
    RuleCategory,
    Unit,
)
from services.ingest.pipeline.aip.builder import build_aip
from services.ingest.pipeline.container.package import SipPackage

GOLDEN = Path(__file__).parents[2] / "golden" / "aip" / "v1"


def inventory_of(values: Mapping[str, Any]) -> Inventory:
    files = tuple(MeasuredFile(**file) for file in values["files"])
    return Inventory(ContainerFormat(values["format"]), values["manifest_path"], values["prefix"], files)


def categories_of(values: list[dict[str, Any]]) -> tuple[RuleCategory, ...]:
    return tuple(
        RuleCategory(
            **{
                **category,
                "rules": tuple(Rule(**rule) for rule in category["rules"]),
                "ref_non_rule_ids": tuple(category["ref_non_rule_ids"]),
            }
        )
        for category in values
    )


def unit_of(values: Mapping[str, Any]) -> Unit:
    lists = {name: tuple(values[name]) for name in ("children", "object_refs")}
    return Unit(**{**values, **lists, "rules": categories_of(values["rules"])})


def manifest_of(values: Mapping[str, Any]) -> Manifest:
    return Manifest(
        header=Header(**values["header"]),
        objects=tuple(DataObject(**{**each, "kind": ObjectKind(each["kind"])}) for each in values["objects"]),
        groups={group: tuple(members) for group, members in values["groups"].items()},
        units=tuple(unit_of(each) for each in values["units"]),
        roots=tuple(values["roots"]),
        management=categories_of(values["management"]),
        identifiers=(),
        references=(),
    )


def test_the_kept_sip_and_plan_give_the_kept_aip_byte_for_byte() -> None:
    verdict = json.loads((GOLDEN / "verdict.json").read_bytes())
    inventory = inventory_of(verdict["inventory"])
    package = SipPackage(GOLDEN / "sip.zip", inventory.manifest_path, inventory.prefix, Limits())
    plan = plan_of_json(json.loads((GOLDEN / "plan.json").read_bytes()))
    out = io.BytesIO()

    summary = build_aip(package, inventory, manifest_of(verdict["manifest"]), plan, out)

    kept = (GOLDEN / "aip.tar").read_bytes()
    assert summary.sha512 == hashlib.sha512(kept).hexdigest()
    assert out.getvalue() == kept


def test_each_object_of_the_kept_aip_is_where_its_catalogue_says() -> None:
    kept = (GOLDEN / "aip.tar").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(kept)) as archive:
        name = next(name for name in archive.getnames() if name.endswith("catalogue.ndjson"))
        document = archive.extractfile(name)
        assert document is not None
        lines = [json.loads(line) for line in document]

    files = [line for line in lines if line["type"] == "object" and line["kind"] == "binary"]
    assert len(files) == 3
    for line in files:
        content = kept[line["offset"] : line["offset"] + line["size"]]
        assert hashlib.sha512(content).hexdigest() == line["sha512"]
