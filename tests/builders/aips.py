"""Checked transfers ready to be packed, and the AIPs they give; valid unless told otherwise."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO
from uuid import UUID

from services.ingest.domain.findings import Finding
from services.ingest.domain.plan import BuildPlan
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
from services.ingest.pipeline.aip.builder import AipSummary, build_aip

AIP_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
FILES: Mapping[str, bytes] = {
    "Content/délibération n°12.pdf": b"%PDF-1.4 registre des d\xe9lib\xe9rations",
    "Content/budget.xml": b"<PES_Aller/>" * 400,
}


@dataclass(frozen=True, slots=True)
class MemoryPackage:
    """A SIP's container held in memory: the second implementation of the builder's port."""

    contents: Mapping[str, bytes]
    manifest: bytes = b"<ArchiveTransfer/>"

    def open_manifest(self) -> AbstractContextManager[BinaryIO]:
        return BytesIO(self.manifest)

    def files(self) -> Iterator[tuple[str, int, BinaryIO]]:
        for path, content in self.contents.items():
            yield path, len(content), BytesIO(content)


@dataclass(frozen=True, slots=True)
class CheckedTransfer:
    """A package, what was found in it, and the plan of its AIP."""

    package: MemoryPackage
    inventory: Inventory
    manifest: Manifest
    plan: BuildPlan

    def build(self) -> tuple[bytes, AipSummary]:
        out = BytesIO()
        summary = build_aip(self.package, self.inventory, self.manifest, self.plan, out)
        return out.getvalue(), summary


def a_plan(findings: tuple[Finding, ...] = (), software: Mapping[str, str] | None = None) -> BuildPlan:
    return BuildPlan(
        aip_id=AIP_ID,
        transfer_id=UUID("01890a5d-ac96-774b-bcce-b302099a8001"),
        establishment=UUID("01890a5d-ac96-774b-bcce-b302099a8002"),
        agreement_identifier="ACCORD-MAIRIE-001",
        agreement_version=3,
        received_at="2026-03-02T09:15:00Z",
        planned_at="2026-03-02T09:15:04Z",
        sip_sha512="ab" * 64,
        sip_size=12345,
        depositor="Pastell du centre de gestion",
        software=software or {"chartrier": "0.1.0", "libxml2": "2.12.4", "siegfried": "1.11.2"},
        findings=findings,
    )


def a_header(seda_version: str = "2.1", archival_agreement: str | None = "ACCORD-MAIRIE-001") -> Header:
    return Header(
        seda_version=seda_version,
        message_identifier="Versement 2026/12 & suite",
        date="2026-03-01T10:00:00",
        archival_agreement=archival_agreement,
        archival_agency="CDG-099",
        transferring_agency="MAIRIE-001",
        originating_agency="MAIRIE-001",
        submission_agency="MAIRIE-001",
    )


def a_file(path: str, content: bytes, puid: str | None = "fmt/18") -> MeasuredFile:
    return MeasuredFile(
        path=path,
        size=len(content),
        sha512=hashlib.sha512(content).hexdigest(),
        digests={"SHA-256": hashlib.sha256(content).hexdigest()},
        puid=puid,
        format_name="Acrobat PDF 1.4" if puid else None,
        mime="application/pdf" if puid else None,
    )


def a_binary(identifier: str, file: MeasuredFile, group: str | None = None) -> DataObject:
    return DataObject(
        id=identifier,
        kind=ObjectKind.BINARY,
        line=10,
        group=group,
        uri=file.path,
        digest=file.digests["SHA-256"],
        algorithm="SHA-256",
        size=file.size,
        usage="BinaryMaster",
        format_id=file.puid,
        mime=file.mime,
        filename=f"{identifier}.pdf",
    )


def a_physical(identifier: str = "PHY1", group: str | None = None) -> DataObject:
    return DataObject(
        identifier, ObjectKind.PHYSICAL, 20, group=group, usage="PhysicalMaster", physical_id="Boîte 12"
    )


def a_unit(identifier: str, title: str = "Délibérations", **parts: tuple[str, ...]) -> Unit:
    return Unit(
        id=identifier,
        line=30,
        level="RecordGrp",
        title=title,
        description=None,
        start_date="2026-01-01",
        end_date=None,
        children=parts.get("children", ()),
        object_refs=parts.get("objects", ()),
        rules=(RuleCategory("AppraisalRule", (Rule("APP-10Y", "APP-10Y", "2026-01-01"),), final_action="Keep"),),
        content=json.dumps(
            {"DescriptionLevel": "RecordGrp", "Title": [title]}, ensure_ascii=False, separators=(",", ":")
        ),
    )


@dataclass(frozen=True, slots=True)
class Described:
    """The parts of a manifest that a test may want to say itself."""

    objects: tuple[DataObject, ...]
    units: tuple[Unit, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    header: Header = field(default_factory=a_header)


def a_manifest(described: Described) -> Manifest:
    held = {child for unit in described.units for child in unit.children}
    return Manifest(
        header=described.header,
        objects=described.objects,
        groups=described.groups,
        units=described.units,
        roots=tuple(unit.id for unit in described.units if unit.id not in held),
        management=(RuleCategory("AccessRule", (Rule("AccessRule", "ACC-00002"),)),),
        identifiers=(),
        references=(),
    )


def an_inventory(files: tuple[MeasuredFile, ...]) -> Inventory:
    return Inventory(ContainerFormat.ZIP, "manifest.xml", "", files)


def a_checked_transfer(
    contents: Mapping[str, bytes] = FILES,
    described: Described | None = None,
    plan: BuildPlan | None = None,
    manifest: bytes = b"<ArchiveTransfer/>",
) -> CheckedTransfer:
    """By default each file is an object `OBJ<n>` of a group `GRP<n>` held by a unit `AU<n>` under `ROOT`."""
    files = tuple(a_file(path, content) for path, content in contents.items())
    return CheckedTransfer(
        MemoryPackage(contents, manifest),
        an_inventory(files),
        a_manifest(described or _one_unit_a_file(files)),
        plan or a_plan(),
    )


def _one_unit_a_file(files: tuple[MeasuredFile, ...]) -> Described:
    numbers = range(1, len(files) + 1)
    return Described(
        objects=tuple(a_binary(f"OBJ{n}", file, f"GRP{n}") for n, file in enumerate(files, 1)),
        units=(
            a_unit("ROOT", "Conseil municipal", children=tuple(f"AU{n}" for n in numbers)),
            *(a_unit(f"AU{n}", f"Séance n° {n}", objects=(f"GRP{n}",)) for n in numbers),
        ),
        groups={f"GRP{n}": (f"OBJ{n}",) for n in numbers},
    )
