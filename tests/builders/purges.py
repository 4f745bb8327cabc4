"""AIPs built from real SIPs, and partial purges of them; `a_planted_sip` has a mark in all that is to go."""

import io
import json
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.instruments import Identification
from services.ingest.domain.limits import Limits
from services.ingest.domain.plan import BuildPlan
from services.ingest.pipeline.aip.builder import build_aip
from services.ingest.pipeline.judge import judge
from services.ingest.pipeline.judged import open_judged
from services.storage.domain.rewriting import RewritePlan, Rewritten
from services.storage.pipeline.rewriting.package import rewrite_package
from tests.builders.aips import AIP_ID, a_plan
from tests.builders.sips import AFile, ASip, AUnit, a_manifest, a_sip, an_agreement, error_codes

PLAIN = Identification("x-fmt/111", "Plain Text File", "text/plain")
ORDER = UUID("01890a5d-ac96-774b-bcce-b302099a8101")
MARK = "Secretum"
"""Planted in every name and text of what is to go; nothing else holds it."""

PLANTED_FINDINGS = (
    Finding("FORMAT_UNIDENTIFIED", Severity.WARNING, f"Content/{MARK}/{MARK} n°1.txt"),
    Finding("UNIT_TITLE_EMPTY", Severity.WARNING, f"manifest.xml:51 {MARK}-3"),
    Finding("FORMAT_UNIDENTIFIED", Severity.WARNING, "Content/gardé.txt"),
    Finding("OBJECT_EMPTY", Severity.WARNING, "manifest.xml:12 obj-0"),
)
_DESCRIBED = (
    f"<CustodialHistory><CustodialHistoryItem>{MARK} venu du service</CustodialHistoryItem></CustodialHistory>\n"
    f"<DocumentType>{MARK} type</DocumentType>\n<Tag>{MARK} tag</Tag>\n"
    f"<Keyword><KeywordContent>{MARK} mot</KeywordContent></Keyword>\n"
    f"<Writer><FirstName>{MARK}</FirstName><BirthName>{MARK}</BirthName></Writer>\n"
    f"<!-- {MARK} --><?{MARK} {MARK}?><![CDATA[\n]]>"
)
_PHYSICAL = f'<PhysicalDataObject id="{MARK}-phy"><PhysicalId>Boîte {MARK}</PhysicalId></PhysicalDataObject>\n'
_RELATED = (
    "<RelatedObjectReference><References><ArchiveUnitRefId>unit-3</ArchiveUnitRefId></References>"
    "</RelatedObjectReference>\n"
)
_STAYS = "<Description>Une unité qui reste</Description>\n"
_GROUP = "<DataObjectReference><DataObjectGroupReferenceId>grp-2</DataObjectGroupReferenceId></DataObjectReference>\n"
_BOX = f"<DataObjectReference><DataObjectReferenceId>{MARK}-phy</DataObjectReferenceId></DataObjectReference>\n"


@dataclass(frozen=True)
class AnAip:
    """An AIP's bytes, and how it calls things."""

    content: bytes
    plan: BuildPlan

    def units(self, *xml_ids: str) -> list[UUID]:
        return [self.plan.unit_id(xml_id) for xml_id in xml_ids]

    @property
    def members(self) -> dict[str, bytes]:
        return members_of(self.content)

    @property
    def catalogue(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.members["metadata/descriptive/catalogue.ndjson"].splitlines()]

    def purged(self, units: Collection[UUID], plan: RewritePlan | None = None) -> "AnAip":
        return AnAip(rewritten(self.content, units, plan)[0], self.plan)


def an_aip(folder: Path, sip: ASip, plan: BuildPlan | None = None) -> AnAip:
    """Judge a SIP, which must pass, and build its AIP."""
    path = a_sip(folder / "sip", sip)
    verdict = judge(path, an_agreement(), {}, Limits(), lambda _: PLAIN, None)
    assert error_codes(verdict.findings) == [], verdict.findings
    assert verdict.inventory is not None
    package, manifest = open_judged(path, verdict.inventory, Limits())
    out = io.BytesIO()
    build_aip(package, verdict.inventory, manifest, plan or a_plan(), out)
    return AnAip(out.getvalue(), plan or a_plan())


def a_planted_sip(version: str = "2.1") -> ASip:
    """Return a SIP of which the units `<MARK>-3` and `<MARK>-4` below it are to go.

    `unit-1` holds `unit-2` (of `Content/gardé.txt`, which refers to `<MARK>-3`), `<MARK>-3` and `unit-5`; these
    two share `Content/partagé.txt`.
    """
    files = (
        AFile("Content/gardé.txt", b"reste"),
        AFile(f"Content/{MARK}/{MARK} n°1.txt", f"{MARK} contenu".encode()),
        AFile(f"Content/{MARK}/deux.txt", f"{MARK} second".encode(), algorithm="SHA-256"),
        AFile("Content/partagé.txt", b"des deux"),
    )
    below = AUnit(f"{MARK} pièce", files=(2,), description=f"{MARK} décrit")
    goes = AUnit(f"{MARK} dossier", "File", files=(1, 3), description=f"{MARK} décrite", units=(below,))
    stays = AUnit("Gardée", files=(0,), description="Une unité qui reste")
    root = AUnit("Conseil", "RecordGrp", units=(stays, goes, AUnit("Autre", files=(3,))))
    sip = ASip(files, (root,), version, objects_extra=_PHYSICAL)
    changes = [(_STAYS, _STAYS + _RELATED), (_GROUP, _GROUP + _BOX)]
    for text in (f"{MARK} décrit", f"{MARK} décrite"):
        described = f"<Description>{text}</Description>\n"
        changes.append((described, described + _DESCRIBED))
    changes += [(f"unit-{n}", f"{MARK}-{n}") for n in (3, 4)]
    changes += [(f"{kind}-{n}", f"{MARK}-{kind}-{n}") for kind in ("obj", "grp") for n in (1, 2)]
    return with_manifest(sip, *changes)


def with_manifest(sip: ASip, *changes: tuple[str, str]) -> ASip:
    """Return a SIP whose manifest is changed, everywhere a text stands."""
    manifest = a_manifest(sip).decode()
    for before, after in changes:
        assert before in manifest, before
        manifest = manifest.replace(before, after)
    return replace(sip, manifest=manifest.encode())


def a_planted_aip(folder: Path, version: str = "2.1") -> AnAip:
    return an_aip(folder, a_planted_sip(version), a_plan(PLANTED_FINDINGS))


PLANTED = (f"{MARK}-3", f"{MARK}-4")
"""The units that go, by their XML identifiers."""


def a_rewrite_plan(version: int = 2, aip_id: UUID = AIP_ID) -> RewritePlan:
    return RewritePlan(
        order_id=ORDER,
        aip_id=aip_id,
        version=version,
        list_sha512="1a" * 64,
        visa_sha512="2b" * 64,
        ordered_at="2036-04-01T08:00:00Z",
        planned_at="2036-04-02T09:30:00Z",
        software="0.6.0",
    )


class Trickle:
    """A source that gives little at a time."""

    def __init__(self, content: bytes, most: int) -> None:
        self._content = io.BytesIO(content)
        self._most = most

    def read(self, count: int, /) -> bytes:
        return self._content.read(min(count, self._most))


def rewritten(
    aip: bytes, units: Collection[UUID], plan: RewritePlan | None = None, most: int = 1 << 20
) -> tuple[bytes, Rewritten]:
    out = io.BytesIO()
    summary = rewrite_package(Trickle(aip, most), units, plan or a_rewrite_plan(), out)
    return out.getvalue(), summary


def members_of(aip: bytes) -> dict[str, bytes]:
    return dict(_members(aip))


def _members(aip: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(aip)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            yield member.name.partition("/")[2], content.read()
