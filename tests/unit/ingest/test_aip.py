import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from lxml import etree

from services.ingest.domain.findings import Finding, Severity
from services.ingest.pipeline.aip.layout import AipMismatch
from tests.builders.aips import (
    AIP_ID,
    FILES,
    CheckedTransfer,
    Described,
    MemoryPackage,
    a_binary,
    a_checked_transfer,
    a_file,
    a_physical,
    a_plan,
    a_unit,
)

ROOT = str(AIP_ID)
METS = "{http://www.loc.gov/METS/}"
PREMIS = "{http://www.loc.gov/premis/v3}"
HREF = "{http://www.w3.org/1999/xlink}href"


def members(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {
            info.name.removeprefix(f"{ROOT}/"): read.read()
            for info in archive
            if (read := archive.extractfile(info)) is not None
        }


def catalogue(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in members(content)["metadata/descriptive/catalogue.ndjson"].splitlines()]


def units(content: bytes) -> dict[str, dict[str, Any]]:
    return {line["xml_id"]: line for line in catalogue(content) if line["type"] == "unit"}


def objects(content: bytes) -> dict[str, dict[str, Any]]:
    return {line["xml_id"]: line for line in catalogue(content) if line["type"] == "object"}


def premis(content: bytes) -> etree._Element:
    return etree.fromstring(members(content)["metadata/preservation/premis.xml"])


def test_members_stand_in_their_order_under_one_root() -> None:
    content, _ = a_checked_transfer(manifest=b"<ArchiveTransfer>\n</ArchiveTransfer>").build()

    assert list(members(content)) == [
        "METS.xml",
        "metadata/preservation/premis.xml",
        "metadata/descriptive/catalogue.ndjson",
        "submission/manifest.xml",
        "documentation/README.txt",
        "schemas/catalogue.schema.json",
        *(f"representations/original/data/{path}" for path in FILES),
    ]
    assert members(content)["submission/manifest.xml"] == b"<ArchiveTransfer>\n</ArchiveTransfer>"
    assert [members(content)[f"representations/original/data/{path}"] for path in FILES] == [*FILES.values()]


def test_entries_bear_no_trace_of_the_machine() -> None:
    content, _ = a_checked_transfer().build()

    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for info in archive:
            assert (info.uid, info.gid, info.uname, info.gname, info.mode) == (0, 0, "", "", 0o644)
            assert info.mtime == 1772442900  # 2026-03-02T09:15:00Z, the plan's received_at


def test_the_same_package_and_plan_give_the_same_bytes() -> None:
    transfer = a_checked_transfer()

    assert transfer.build() == transfer.build()


def test_the_summary_tells_what_was_written() -> None:
    content, summary = a_checked_transfer().build()

    start, end = summary.catalogue_offset, summary.catalogue_offset + summary.catalogue_length
    found = members(content)
    assert (summary.size, summary.sha512) == (len(content), hashlib.sha512(content).hexdigest())
    assert content[start:end] == found["metadata/descriptive/catalogue.ndjson"]
    assert summary.catalogue_sha512 == hashlib.sha512(content[start:end]).hexdigest()
    assert summary.mets_sha512 == hashlib.sha512(found["METS.xml"]).hexdigest()
    assert summary.premis_sha512 == hashlib.sha512(found["metadata/preservation/premis.xml"]).hexdigest()
    assert summary.manifest_sha512 == hashlib.sha512(found["submission/manifest.xml"]).hexdigest()
    assert (summary.units, summary.objects, summary.files, summary.bytes) == (3, 2, 2, 4835)


def test_gnu_tar_unpacks_it(tmp_path: Path) -> None:
    if (tar := shutil.which("tar")) is None:
        pytest.fail("the tar command is missing")
    content, _ = a_checked_transfer().build()

    done = subprocess.run([tar, "-xf", "-", "-C", str(tmp_path)], input=content, capture_output=True, check=True)

    assert done.stderr == b""
    written = tmp_path / ROOT / "representations/original/data"
    assert {path: (written / path).read_bytes() for path in FILES} == FILES
    assert os.listdir(tmp_path) == [ROOT]  # noqa: PTH208


@pytest.mark.parametrize(
    "path",
    [
        "Content/" + "d" * 200 + ".pdf",
        "Content/" + "é" * 90 + ".pdf",
        "/".join(["dossier"] * 40) + "/a.pdf",
        "a" * 28,
        "Content/100% sûr?#.pdf",
    ],
)
def test_a_name_of_any_length_and_script_comes_back_whole(path: str) -> None:
    content, _ = a_checked_transfer({path: b"contents"}).build()

    found = members(content)
    mets = etree.fromstring(found["METS.xml"])
    hrefs = [unquote(str(element.get(HREF))) for element in mets.iter(f"{METS}FLocat")]
    assert found[f"representations/original/data/{path}"] == b"contents"
    assert f"representations/original/data/{path}" in hrefs
    assert [line["path"] for line in objects(content).values()] == [f"representations/original/data/{path}"]


def test_offsets_lead_to_the_bytes_of_each_file_in_the_tar_itself() -> None:
    contents = {
        "Content/é.txt": "é".encode() * 600,
        "b.bin": b"\x00" * 512,
        "empty": b"",
        "z": b"z" * 3_000_000,
    }
    content, _ = a_checked_transfer(contents).build()

    for line, expected in zip(objects(content).values(), contents.values(), strict=True):
        found = content[line["offset"] : line["offset"] + line["size"]]
        assert found == expected
        assert line["sha512"] == hashlib.sha512(found).hexdigest()


def test_offsets_are_padded_so_that_the_catalogue_keeps_its_length() -> None:
    content, _ = a_checked_transfer().build()

    line = members(content)["metadata/descriptive/catalogue.ndjson"].splitlines()[-1]
    column = line.index(b'"offset":') + len(b'"offset":')
    assert line[column : column + 16].rstrip(b",").strip().isdigit()
    assert line[column + 15 : column + 16] == b","


def test_mets_lists_every_other_member_with_its_digest_and_size() -> None:
    content, _ = a_checked_transfer().build()

    found = members(content)
    mets = etree.fromstring(found.pop("METS.xml"))
    listed = {}
    for element in mets.iter(f"{METS}mdRef", f"{METS}FLocat"):
        told = element if element.tag == f"{METS}mdRef" else element.getparent()
        assert told is not None
        listed[unquote(str(element.get(HREF)))] = (told.get("CHECKSUM"), told.get("SIZE"))
    assert listed == {name: (hashlib.sha512(value).hexdigest(), str(len(value))) for name, value in found.items()}


def test_the_first_line_of_the_catalogue_is_the_aip() -> None:
    content, _ = a_checked_transfer().build()

    first = catalogue(content)[0]
    assert (first["type"], first["format"], first["version"]) == ("aip", "chartrier-catalogue", 1)
    assert first["aip_id"] == ROOT
    assert first["agencies"]["originating"] == "MAIRIE-001"
    assert first["rules"][0]["rules"][0]["code"] == "ACC-00002"
    assert first["counts"] == {"units": 3, "objects": 2, "files": 2, "bytes": 4835}


def test_identifiers_are_those_of_the_plan() -> None:
    transfer = a_checked_transfer()
    content, _ = transfer.build()

    unit, found = units(content)["AU1"], objects(content)["OBJ1"]
    assert unit["id"] == str(transfer.plan.unit_id("AU1"))
    assert unit["parents"] == [str(transfer.plan.unit_id("ROOT"))]
    assert unit["objects"] == [found["id"]] == [str(transfer.plan.object_id("OBJ1"))]
    assert found["group"] == str(transfer.plan.group_id("GRP1"))


def test_a_unit_that_points_at_a_group_holds_all_its_objects_once() -> None:
    file, other = a_file("a.pdf", b"a"), a_file("b.pdf", b"b")
    described = Described(
        (a_binary("A", file, "G"), a_binary("B", other, "G"), a_physical("P", "G")),
        (a_unit("U", objects=("G", "A")),),
        {"G": ("A", "B", "P")},
    )
    transfer = a_checked_transfer({"a.pdf": b"a", "b.pdf": b"b"}, described)
    content, _ = transfer.build()

    assert units(content)["U"]["objects"] == [str(transfer.plan.object_id(name)) for name in ("A", "B", "P")]


def test_parents_come_before_children_even_when_the_manifest_says_otherwise() -> None:
    described = Described(
        (),
        (
            a_unit("CHILD"),
            a_unit("LEFT", children=("CHILD",)),
            a_unit("RIGHT", children=("CHILD",)),
            a_unit("TOP", children=("LEFT", "RIGHT")),
        ),
    )
    content, _ = a_checked_transfer({}, described).build()

    assert list(units(content)) == ["TOP", "LEFT", "RIGHT", "CHILD"]
    assert len(units(content)["CHILD"]["parents"]) == 2


def test_a_physical_object_has_a_description_and_no_bytes() -> None:
    described = Described((a_physical(),), (a_unit("U", objects=("PHY1",)),))
    content, _ = a_checked_transfer({}, described).build()

    line = objects(content)["PHY1"]
    assert (line["kind"], line["physical_id"]) == ("physical", "Boîte 12")
    assert (line["path"], line["size"], line["sha512"], line["offset"]) == (None, None, None, None)


def test_a_percent_encoded_uri_names_its_file() -> None:
    file = a_file("Content/pièce n°1.pdf", b"x")
    found = replace(a_binary("A", file), uri="Content/pi%C3%A8ce%20n%C2%B01.pdf")
    content, _ = a_checked_transfer({file.path: b"x"}, Described((found,), ())).build()

    assert objects(content)["A"]["path"] == "representations/original/data/Content/pièce n°1.pdf"


def test_premis_tells_objects_events_and_agents() -> None:
    content, _ = a_checked_transfer().build()

    document = premis(content)
    digests = [element.text for element in document.iter(f"{PREMIS}messageDigest")]
    events = [element.text for element in document.iter(f"{PREMIS}eventType")]
    agents = {element.text for element in document.iter(f"{PREMIS}agentIdentifierValue")}
    assert hashlib.sha512(FILES["Content/budget.xml"]).hexdigest() in digests
    assert hashlib.sha256(FILES["Content/budget.xml"]).hexdigest() in digests
    assert [element.text for element in document.iter(f"{PREMIS}formatRegistryKey")] == ["fmt/18"] * 2
    assert events == [
        "ingestion start",
        "unpacking",
        "validation",
        "format identification",
        "fixity check",
        "appraisal",
        "information package creation",
    ]
    assert agents == {"chartrier", "libxml2", "siegfried", "Pastell du centre de gestion"}


def test_every_event_is_linked_to_an_agent_that_is_described() -> None:
    content, _ = a_checked_transfer().build()

    document = premis(content)
    agents = {element.text for element in document.iter(f"{PREMIS}agentIdentifierValue")}
    for event in document.iter(f"{PREMIS}event"):
        linked = {element.text for element in event.iter(f"{PREMIS}linkingAgentIdentifierValue")}
        assert linked
        assert linked <= agents


def test_a_virus_check_is_told_only_when_there_was_one() -> None:
    without, _ = a_checked_transfer().build()
    software = {"chartrier": "0.1.0", "clamav": "1.4.1/27500"}
    scanned, _ = a_checked_transfer(plan=a_plan(software=software)).build()

    assert "virus check" not in [element.text for element in premis(without).iter(f"{PREMIS}eventType")]
    assert "virus check" in [element.text for element in premis(scanned).iter(f"{PREMIS}eventType")]


def test_a_warning_is_kept_in_the_event_it_belongs_to() -> None:
    finding = Finding("FORMAT_MISMATCH", Severity.WARNING, "Content/budget.xml")
    content, _ = a_checked_transfer(plan=a_plan((finding,))).build()

    outcomes = {
        event.findtext(f"{PREMIS}eventType"): [
            element.text for element in event.iter(f"{PREMIS}eventOutcome", f"{PREMIS}eventOutcomeDetailNote")
        ]
        for event in premis(content).iter(f"{PREMIS}event")
    }
    assert outcomes["format identification"] == ["warning", "FORMAT_MISMATCH Content/budget.xml"]
    assert outcomes["fixity check"] == ["success"]


def _with_package(package: MemoryPackage) -> CheckedTransfer:
    return replace(a_checked_transfer(), package=package)


@pytest.mark.parametrize(
    "contents",
    [
        {**FILES, "Content/budget.xml": b"<PES_ALler/>" * 400},
        {**FILES, "Content/budget.xml": b"<PES_Aller/>" * 399},
        {"Content/délibération n°12.pdf": FILES["Content/délibération n°12.pdf"]},
        {**FILES, "Content/extra.txt": b"?"},
        dict(reversed([*FILES.items()])),
    ],
    ids=["another byte", "shorter", "missing", "one more", "another order"],
)
def test_a_package_that_is_not_the_one_checked_gives_no_aip(contents: dict[str, bytes]) -> None:
    with pytest.raises(AipMismatch):
        _with_package(MemoryPackage(contents)).build()


def test_files_and_objects_that_do_not_correspond_give_no_aip() -> None:
    first, second = (a_file(path, content) for path, content in FILES.items())
    orphan_file = Described((a_binary("A", first),), ())
    shared_file = Described((a_binary("A", first), a_binary("B", first), a_binary("C", second)), ())
    absent_file = Described((a_binary("A", first), a_binary("B", a_file("absent", b""))), ())

    for described in (orphan_file, shared_file, absent_file):
        with pytest.raises(AipMismatch):
            a_checked_transfer(described=described).build()


def test_a_cycle_or_a_dangling_reference_gives_no_aip() -> None:
    cycle = (a_unit("TOP"), a_unit("A", children=("B",)), a_unit("B", children=("A",)))
    no_child = (a_unit("A", children=("GONE",)),)
    no_object = (a_unit("A", objects=("GONE",)),)

    for found in (cycle, no_child, no_object):
        with pytest.raises(AipMismatch):
            a_checked_transfer({}, Described((), found)).build()


def test_every_line_of_the_catalogue_has_what_the_schema_in_the_aip_requires() -> None:
    content, _ = a_checked_transfer().build()

    definitions = json.loads(members(content)["schemas/catalogue.schema.json"])["$defs"]
    for line in catalogue(content):
        assert set(definitions[line["type"]]["required"]) <= line.keys()
        assert set(definitions[line["type"]]["properties"]) <= line.keys()


def test_a_uri_and_a_file_name_may_spell_their_accents_differently() -> None:
    decomposed, composed = "Content/de\u0301cision.pdf", "Content/d\u00e9cision.pdf"
    found = replace(a_binary("A", a_file(decomposed, b"x")), uri=composed)
    content, _ = a_checked_transfer({decomposed: b"x"}, Described((found,), ())).build()

    assert objects(content)["A"]["path"] == f"representations/original/data/{decomposed}"
