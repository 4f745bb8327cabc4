"""Plans, findings, headers and inventories as plain JSON values, to be kept between two steps."""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.signature_records import report_of_json, report_to_json
from services.ingest.domain.sip import ContainerFormat, Header, Inventory, MeasuredFile


def findings_to_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Write findings as JSON values."""
    return [
        {"code": f.code, "severity": f.severity.value, "place": f.place, "params": dict(f.params)} for f in findings
    ]


def findings_of_json(values: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Read findings back."""
    return tuple(
        Finding(value["code"], Severity(value["severity"]), value["place"], value["params"]) for value in values
    )


def header_to_json(header: Header) -> dict[str, Any]:
    """Write a header as JSON values."""
    return asdict(header)


def header_of_json(values: Mapping[str, Any]) -> Header:
    """Read a header back."""
    return Header(**values)


def plan_to_json(plan: BuildPlan) -> dict[str, Any]:
    """Write a build plan as JSON values."""
    names = ("aip_id", "transfer_id", "establishment")
    values = {name: getattr(plan, name) for name in BuildPlan.__dataclass_fields__}
    return values | {
        **{name: str(values[name]) for name in names},
        "software": dict(plan.software),
        "findings": findings_to_json(plan.findings),
    }


def plan_of_json(values: Mapping[str, Any]) -> BuildPlan:
    """Read a build plan back."""
    return BuildPlan(
        **dict(values)
        | {name: UUID(values[name]) for name in ("aip_id", "transfer_id", "establishment")}
        | {"findings": findings_of_json(values["findings"])}
    )


def pack_inventory(inventory: Inventory) -> bytes:
    """Write an inventory as compressed JSON: what was measured is measured once."""
    files = [[f.path, f.size, f.sha512, dict(f.digests), f.puid, f.format_name, f.mime] for f in inventory.files]
    values: list[Any] = [inventory.format.value, inventory.manifest_path, inventory.prefix, files]
    if inventory.signatures is not None:
        # Only then: an inventory without them is what the release before writes and reads.
        values.append(report_to_json(inventory.signatures))
    return zlib.compress(json.dumps(values, ensure_ascii=False).encode(), level=1)


def unpack_inventory(packed: bytes) -> Inventory:
    """Read an inventory back."""
    container, manifest_path, prefix, files, *more = json.loads(zlib.decompress(packed))
    return Inventory(
        ContainerFormat(container),
        manifest_path,
        prefix,
        tuple(MeasuredFile(*values) for values in files),
        report_of_json(more[0]) if more else None,
    )
