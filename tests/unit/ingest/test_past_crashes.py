"""What once crashed, in small: each is answered with a finding."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from services.ingest.domain.finding_texts import found
from services.ingest.domain.instruments import Identification
from services.ingest.domain.limits import MIB, Limits
from services.ingest.domain.sip import ContainerFormat
from services.ingest.pipeline import CHECKS
from services.ingest.pipeline.container.names import path_key
from services.ingest.pipeline.container.survey import survey
from services.ingest.pipeline.judge import judge
from services.ingest.pipeline.manifest.reader import ManifestReading, read_manifest
from services.ingest.pipeline.sip import Sip
from services.ingest.pipeline.telling import Telling
from tests.builders.sips import AFile, ASip, AUnit, a_container, a_manifest, an_agreement, codes
from tests.fuzzing.child import Child
from tests.fuzzing.nasty_containers import NASTY as CONTAINERS
from tests.fuzzing.nasty_manifests import NASTY


@pytest.mark.parametrize("size", [b"\x80" + bytes(2) + b"\x7f" * 9, b"\x80\0\0\0" + b"\x7f" + b"\xff" * 7])
def test_a_tar_entry_longer_than_any_disk_is_cut_short(tmp_path: Path, size: bytes) -> None:
    sip = a_container(tmp_path / "sip", [("manifest.xml", b"m"), ("b", b"x")], ContainerFormat.TAR)
    package = bytearray(sip.read_bytes())
    start = next(place for place in range(0, len(package), 512) if package[place : place + 2] == b"b\0")
    package[start + 124 : start + 136] = size
    package[start + 148 : start + 156] = b" " * 8
    package[start + 148 : start + 156] = b"%06o\0 " % sum(package[start : start + 512])
    sip.write_bytes(package)

    assert codes(survey(sip, tmp_path / "spooled", Limits()).findings) == ["CONTAINER_TRUNCATED"]


def reading(folder: Path, manifest: bytes, limits: Limits | None = None) -> ManifestReading:
    (folder / "manifest.xml").write_bytes(manifest)
    return read_manifest(folder / "manifest.xml", "manifest.xml", limits or Limits())


def judged(folder: Path, manifest: bytes) -> list[str]:
    sip = a_container(folder / "sip", [("manifest.xml", manifest)])
    return codes(judge(sip, an_agreement(), {}, Limits(), lambda _: Identification(None), None).findings)


@pytest.mark.parametrize(
    ("limit", "shape"),
    [
        ("max_open_elements", "elements in one description"),
        ("max_open_elements", "unknown elements in an object"),
        ("max_attributes", "an element of endless attributes"),
        ("max_links", "references in few lists"),
        ("max_links", "a loop of all units"),
        ("max_objects", "objects"),
        ("max_objects", "groups"),
        ("max_rules", "rules of each unit"),
    ],
)
def test_what_once_filled_the_memory_or_never_ended_is_refused_by_the_name_of_its_bound(
    tmp_path: Path, limit: str, shape: str
) -> None:
    most = replace(Limits(), max_open_elements=5000, max_links=500, max_objects=500, max_rules=500)

    found = reading(tmp_path, NASTY[shape](500_000), most)

    assert found.manifest is None
    assert [(each.code, each.params["limit"]) for each in found.findings] == [
        ("MANIFEST_LIMIT", f"{limit} = {getattr(most, limit)}")
    ]


@pytest.mark.parametrize(
    "shape",
    [
        "unknown elements beneath the root",
        "unknown elements between objects",
        "unknown elements between units",
        "unknown elements in a unit",
    ],
)
def test_what_stands_between_units_is_not_kept_however_much_there_is(tmp_path: Path, shape: str) -> None:
    with Child() as child:
        seen = child.judge(a_container(tmp_path / "sip", [("manifest.xml", NASTY[shape](2 * MIB))]))

    # The tree of so many elements takes some 130 MiB.
    assert (seen.wrong, seen.mebibytes < 60) == ("", True)


def test_a_unit_that_is_read_after_a_sweep_is_whole(tmp_path: Path) -> None:
    """What is freed in passing is nobody's: not the unit that is open, nor what it holds."""
    junk, unit = b"<x/>" * 20_000, b'<ArchiveUnit id="%s"><Content><Title>%s</Title></Content>'
    head, _, tail = a_manifest(ASip((), (AUnit("?"),))).partition(b"<ArchiveUnit")
    inner = unit % (b"a", b"A") + junk + unit % (b"b", b"B") + junk + b"</ArchiveUnit>" + junk
    reference = b"<DataObjectReference><DataObjectReferenceId>o</DataObjectReferenceId></DataObjectReference>"
    tail = tail.partition(b"</ArchiveUnit>")[2]

    found = reading(tmp_path, head + junk + inner + reference + b"</ArchiveUnit>" + junk + tail).manifest

    assert found is not None
    assert [(unit.id, unit.title, unit.children) for unit in found.units] == [("b", "B", ()), ("a", "A", ("b",))]
    assert found.units[1].object_refs == ("o",)
    assert found.header.originating_agency == "COMMUNE-1"


@pytest.mark.parametrize("uri", ["\u0301\u0323" * 100_000, "%CC%81%CC%A3" * 100_000])
def test_an_address_of_nothing_but_marks_is_no_file_at_once(tmp_path: Path, uri: str) -> None:
    manifest = a_manifest(ASip((AFile("a", uri=uri),)))

    assert "OBJECT_FILE_MISSING" in judged(tmp_path, manifest)


def test_what_is_longer_than_any_path_is_not_put_in_order() -> None:
    marks = "\u0301\u0323" * 5000

    assert path_key(marks) == marks != unicodedata.normalize("NFC", marks)


def test_a_name_of_nothing_but_marks_is_too_long_at_once_and_not_kept(tmp_path: Path) -> None:
    name = "\u0301\u0323" * 100_000
    sip = a_container(tmp_path / "sip", [("manifest.xml", b"m"), (name, b"x")], ContainerFormat.TAR)

    found = survey(sip, tmp_path / "spooled", Limits())

    assert (codes(found.findings), found.paths) == (["CONTAINER_PATH_TOO_LONG"], ())


def test_a_tag_of_megabytes_that_is_forgiven_is_read_once(tmp_path: Path) -> None:
    manifest = a_manifest(ASip((), (AUnit("T", management=f"<Xx{' ' * 3 * MIB}/>"),)))

    with Child() as child:
        seen = child.judge(a_container(tmp_path / "sip", [("manifest.xml", manifest)]))

    assert seen.amiss == ""
    assert seen.codes["MANIFEST_TOLERATED"] == 1


def test_units_that_only_refer_to_each_other_are_a_cycle_though_they_are_no_units(tmp_path: Path) -> None:
    """They were taken for a unit's children, which nothing then was."""
    wrapper = '<ArchiveUnit id="{}"><ArchiveUnitRefId>{}</ArchiveUnitRefId></ArchiveUnit>'
    loop = wrapper.format("A", "B") + wrapper.format("B", "A")
    manifest = a_manifest(ASip((), (AUnit("Haut"),)))
    manifest = manifest.replace(b"</ArchiveUnit>", wrapper.format("x", "A").encode() + b"</ArchiveUnit>", 1)
    manifest = manifest.replace(b"</DescriptiveMetadata>", loop.encode() + b"</DescriptiveMetadata>", 1)

    assert judged(tmp_path, manifest) == ["REFERENCE_CYCLE"]


def test_a_chain_of_units_that_only_refer_ends_at_the_unit_it_means(tmp_path: Path) -> None:
    number = 20_000
    chain = "".join(
        f'<ArchiveUnit id="w{n}"><ArchiveUnitRefId>w{n + 1}</ArchiveUnitRefId></ArchiveUnit>' for n in range(number)
    )
    uses = "".join(
        f'<ArchiveUnit id="v{n}"><ArchiveUnitRefId>w{n}</ArchiveUnitRefId></ArchiveUnit>' for n in range(9)
    )
    manifest = a_manifest(ASip((), (AUnit("Haut"), AUnit("Bas")))).decode()
    manifest = manifest.replace('id="unit-2"', f'id="w{number}"').replace(
        "</ArchiveUnit>", f"{uses}</ArchiveUnit>", 1
    )
    manifest = manifest.replace("</DescriptiveMetadata>", f"{chain}</DescriptiveMetadata>")

    found = reading(tmp_path, manifest.encode()).manifest

    assert found is not None
    assert [unit.children for unit in found.units] == [(f"w{number}",) * 9, ()]


def test_a_hundred_thousand_faults_are_counted_and_not_kept() -> None:
    telling = Telling(500)

    telling.take(found("UNIT_TITLE_EMPTY", f"manifest.xml:{n}") for n in range(100_000))

    assert len(telling.told()) == 501
    assert telling.told()[-1].params == {"code": "UNIT_TITLE_EMPTY", "count": "99500"}


def test_the_checks_give_their_findings_one_by_one(tmp_path: Path) -> None:
    manifest = reading(tmp_path, NASTY["objects of one group"](2000)).manifest
    assert manifest is not None

    told = [check(Sip(manifest, an_agreement(), {})) for check in CHECKS]

    kept = {check.__name__ for check, findings in zip(CHECKS, told, strict=True) if isinstance(findings, list)}
    assert kept <= {"check_header", "check_agreement_limits"}  # which say a few things of the whole


def test_pax_records_and_entries_that_only_announce_are_refused(tmp_path: Path) -> None:
    for shape in ("pax records", "pax headers without an entry"):
        (tmp_path / "sip").write_bytes(CONTAINERS[shape](2 * MIB))

        told = survey(tmp_path / "sip", tmp_path / "spooled", Limits()).findings

        assert [each.params.get("reason") for each in told] == ["TAR metadata of an absurd length"]


def test_what_announces_an_entry_of_a_tar_is_not_counted_as_another(tmp_path: Path) -> None:
    entries = [("manifest.xml", b"m"), *((f"été {n}", b"") for n in range(9))]
    sip = a_container(tmp_path / "sip", entries, ContainerFormat.TAR)

    assert survey(sip, tmp_path / "spooled", replace(Limits(), max_files=10)).findings == ()


def test_a_manifest_that_is_not_read_to_its_end_is_forgotten_at_once(tmp_path: Path) -> None:
    package = a_container(tmp_path / "sip", [("manifest.xml", NASTY["one text"](10 * MIB))])

    with Child() as child:
        grown = [child.judge(package).mebibytes for _ in range(4)]

    assert grown[-1] - grown[0] < 8  # each time there were as many more as are read
