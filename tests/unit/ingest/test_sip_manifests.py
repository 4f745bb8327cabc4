"""Manifests: read as a stream into flat records, refused with a line and a reason."""

import codecs
import json
from dataclasses import replace
from pathlib import Path

import pytest

from services.ingest.domain.finding_texts import text
from services.ingest.domain.limits import Limits
from services.ingest.domain.sip import Manifest
from services.ingest.pipeline.manifest.prolog import prolog_fault
from services.ingest.pipeline.manifest.reader import ManifestReading, read_manifest, read_model
from tests.builders.sips import AFile, ASip, AUnit, a_manifest, codes


def reading(folder: Path, manifest: bytes, limits: Limits | None = None) -> ManifestReading:
    path = folder / "manifest.xml"
    path.write_bytes(manifest)
    return read_manifest(path, "manifest.xml", limits or Limits())


def model(folder: Path, sip: ASip) -> Manifest:
    found = reading(folder, a_manifest(sip))
    assert found.findings == ()
    assert found.manifest is not None
    return found.manifest


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2", "2.3"])
def test_header_units_and_objects_are_read(tmp_path: Path, version: str) -> None:
    file = AFile("Content/a.pdf", b"abc", format_id="fmt/18")
    units = (AUnit("Dossier", "File", units=(AUnit("Pièce", files=(0,)),)),)

    found = model(tmp_path, ASip((file,), units, version=version, message_identifier="M1"))

    assert (found.header.seda_version, found.header.message_identifier) == (version, "M1")
    assert (found.header.archival_agreement, found.header.archival_agency) == ("ACCORD-1", "CDG")
    originating = None if version == "2.0" else "COMMUNE-1"  # SEDA 2.0 says it of units only
    assert (found.header.transferring_agency, found.header.originating_agency) == ("COMMUNE-1", originating)
    assert [(unit.title, unit.level, unit.children, unit.object_refs) for unit in found.units] == [
        ("Pièce", "Item", (), ("grp-0",)),
        ("Dossier", "File", ("unit-2",), ()),
    ]
    assert found.roots == ("unit-1",)
    assert found.groups == {"grp-0": ("obj-0",)}
    assert (found.objects[0].uri, found.objects[0].size, found.objects[0].format_id) == ("Content/a.pdf", 3, "fmt/18")
    assert (found.objects[0].usage, found.objects[0].filename) == ("BinaryMaster_1", "a.pdf")


def test_a_description_is_kept_whole_as_json(tmp_path: Path) -> None:
    extra = "".join(f"<Keyword><KeywordContent>{word}</KeywordContent></Keyword>" for word in ("Voirie", "Eau"))
    unit = AUnit("Titre", description="  Texte ", start_date=None, end_date=None)
    manifest = a_manifest(ASip((), (unit,))).replace(b"</Description>", b"</Description>" + extra.encode())

    found = reading(tmp_path, manifest).manifest

    assert found is not None
    assert json.loads(found.units[0].content) == {
        "DescriptionLevel": "Item",
        "Title": "Titre",
        "Description": "Texte",
        "Keyword": [{"KeywordContent": "Voirie"}, {"KeywordContent": "Eau"}],
    }


def test_rules_are_read_with_their_own_dates(tmp_path: Path) -> None:
    management = (
        "<AppraisalRule><Rule>APP1</Rule><StartDate>2020-01-01</StartDate><Rule>APP2</Rule>"
        "<PreventInheritance>true</PreventInheritance><FinalAction>Keep</FinalAction></AppraisalRule>"
        "<AccessRule><RefNonRuleId>ACC9</RefNonRuleId></AccessRule>"
    )

    appraisal, access = model(tmp_path, ASip((), (AUnit("U", management=management),))).units[0].rules

    assert [(rule.code, rule.start_date, rule.final_action) for rule in appraisal.rules] == [
        ("APP1", "2020-01-01", "Keep"),
        ("APP2", None, "Keep"),
    ]
    assert appraisal.prevent_inheritance is True
    assert (access.category, access.rules, access.ref_non_rule_ids) == ("AccessRule", (), ("ACC9",))


def test_units_that_only_refer_to_others_are_replaced_by_them(tmp_path: Path) -> None:
    manifest = a_manifest(ASip((), (AUnit("Haut"), AUnit("Bas")))).replace(
        b"</ArchiveUnit>",
        b'<ArchiveUnit id="lien"><ArchiveUnitRefId>unit-2</ArchiveUnitRefId></ArchiveUnit></ArchiveUnit>',
        1,
    )

    found = reading(tmp_path, manifest).manifest

    assert found is not None
    assert [(unit.id, unit.children) for unit in found.units] == [("unit-1", ("unit-2",)), ("unit-2", ())]
    assert found.roots == ("unit-1",)
    assert [(r.element, r.source, r.target) for r in found.references] == [("ArchiveUnitRefId", "lien", "unit-2")]


def test_objects_without_group_and_groups_around_objects_are_read(tmp_path: Path) -> None:
    manifest = a_manifest(ASip((AFile("a.pdf"), AFile("b.pdf"))))
    manifest = manifest.replace(b"<DataObjectGroupId>grp-0</DataObjectGroupId>\n", b"")
    manifest = manifest.replace(b"DataObjectGroupReferenceId>grp-0<", b"DataObjectReferenceId>obj-0<")
    manifest = manifest.replace(b"</DataObjectGroupReferenceId>", b"</DataObjectReferenceId>", 1)
    manifest = manifest.replace(b"<DataObjectGroupId>grp-1</DataObjectGroupId>\n", b"")
    manifest = manifest.replace(
        b'<BinaryDataObject id="obj-1">', b'<DataObjectGroup id="grp-1"><BinaryDataObject id="obj-1">'
    )
    manifest = manifest.replace(b"<DescriptiveMetadata>", b"</DataObjectGroup><DescriptiveMetadata>")

    found = reading(tmp_path, manifest)

    assert found.findings == ()
    assert found.manifest is not None
    assert [each.group for each in found.manifest.objects] == [None, "grp-1"]
    assert found.manifest.groups == {"grp-1": ("obj-1",)}


@pytest.mark.parametrize(
    ("before", "encoding"),
    [(b"", "UTF-8"), (codecs.BOM_UTF8, "UTF-8"), (b"", "ISO-8859-1"), (b"", "windows-1252"), (b"", "UTF-16")],
)
def test_usual_encodings_are_read(tmp_path: Path, before: bytes, encoding: str) -> None:
    manifest = a_manifest(ASip((), (AUnit("Été"),))).decode().replace("UTF-8", encoding, 1).encode(encoding)

    found = reading(tmp_path, before + manifest)

    assert found.findings == ()
    assert found.manifest is not None
    assert found.manifest.units[0].title == "Été"


@pytest.mark.parametrize("encoding", ["UTF-7", "IBM037", "UTF-32"])
def test_encodings_in_which_a_doctype_could_hide_are_refused(tmp_path: Path, encoding: str) -> None:
    manifest = b'<?xml version="1.0" encoding="' + encoding.encode() + b'"?><a/>'

    assert codes(reading(tmp_path, manifest).findings) == ["MANIFEST_ENCODING"]


@pytest.mark.parametrize("before", ["", "<!-- <ArchiveTransfer> -->", "<?pi <a?>\n"])
def test_a_doctype_is_refused_wherever_it_hides(tmp_path: Path, before: str) -> None:
    manifest = a_manifest(ASip()).decode().replace("?>\n", f"?>\n{before}<!DOCTYPE ArchiveTransfer>\n", 1)

    for encoding in ("utf-8", "utf-16"):
        encoded = manifest.replace("UTF-8", encoding).encode(encoding)
        assert codes(reading(tmp_path, encoded).findings) == ["MANIFEST_DOCTYPE"]


def test_markup_in_an_encoding_that_only_the_parser_knows_is_refused_before_it_is_parsed() -> None:
    hidden = '<?xml version="1.0" encoding="IBM037"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'

    for head in (hidden.encode("cp037"), b"\xa0<a/>", b"\x00", b"a<a/>"):
        fault = prolog_fault(head, "manifest.xml")
        assert fault is not None
        assert fault.code in {"MANIFEST_XML", "MANIFEST_ENCODING"}


def test_an_entity_of_the_network_is_never_asked_for(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    manifest = a_manifest(ASip()).replace(b"du conseil", b"&x;")
    manifest = manifest.replace(b"?>\n", f'?>\n<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]>\n'.encode(), 1)

    found = reading(tmp_path, manifest)

    assert found.manifest is None
    assert "secret" not in str([finding.params for finding in found.findings])


@pytest.mark.parametrize(
    ("manifest", "code", "place"),
    [
        (b"", "MANIFEST_XML", "manifest.xml:1"),
        (b"not xml", "MANIFEST_XML", "manifest.xml:1"),
        (a_manifest(ASip()).replace(b"</Comment>", b"</Coment>"), "MANIFEST_XML", "manifest.xml:3"),
        (a_manifest(ASip())[:-20], "MANIFEST_XML", None),
        (a_manifest(ASip()).replace(b"seda:v2.1", b"seda:v9.9"), "MANIFEST_VERSION", "manifest.xml:1"),
        (b'<Acknowledgement xmlns="fr:gouv:culture:archivesdefrance:seda:v2.1"/>', "MANIFEST_NOT_A_TRANSFER", None),
    ],
)
def test_what_cannot_be_read_is_told_of_with_its_line(
    tmp_path: Path, manifest: bytes, code: str, place: str | None
) -> None:
    found = reading(tmp_path, manifest)

    assert found.manifest is None
    assert codes(found.findings) == [code]
    assert place is None or found.findings[0].place == place


def test_every_schema_error_has_its_line_its_unit_and_a_french_reason(tmp_path: Path) -> None:
    units = (AUnit("Un"), AUnit("Deux", level="Étage"), AUnit("Trois"))
    manifest = a_manifest(ASip((), units)).replace(b"<Title>Un</Title>", b"<Titre>Un</Titre>")

    found = reading(tmp_path, manifest)

    lines = manifest.split(b"\n")
    places = [
        f"manifest.xml:{next(n for n, line in enumerate(lines, 1) if mark in line)} {unit}"
        for mark, unit in ((b"<Titre>", "unit-1"), ("Étage".encode(), "unit-2"))
    ]
    assert codes(found.findings) == ["MANIFEST_SCHEMA", "MANIFEST_SCHEMA", "MANIFEST_TOLERABLE"]
    assert [finding.place for finding in found.findings[:2]] == places
    assert "Élément « Titre » : il n’est pas attendu ici." in text(found.findings[0], "fr")
    assert "Element 'Titre': This element is not expected." in text(found.findings[0], "en")
    assert found.manifest is not None


def test_the_first_schema_errors_are_told_and_the_rest_of_the_manifest_is_still_read(tmp_path: Path) -> None:
    units = tuple(AUnit(f"Unité {n}", level="Étage") for n in range(300))

    found = reading(tmp_path, a_manifest(ASip((), units)), replace(Limits(), max_schema_errors=7))

    assert codes(found.findings) == ["MANIFEST_SCHEMA"] * 7
    assert found.manifest is not None
    assert len(found.manifest.units) == 300


@pytest.mark.parametrize("depth", [250, 3000])
def test_units_nested_without_end_are_refused(tmp_path: Path, depth: int) -> None:
    manifest = a_manifest(ASip((), (AUnit("Haut"),)))
    head, content, tail = manifest.partition(b"</Content>\n")
    unit = b'<ArchiveUnit id="n%d"><Content><DescriptionLevel>Item</DescriptionLevel><Title>t</Title></Content>'
    nested = b"".join(unit % n for n in range(depth)) + b"</ArchiveUnit>" * depth

    found = reading(tmp_path, head + content + nested + tail)

    assert found.manifest is None
    assert codes(found.findings)[0] in {"MANIFEST_LIMIT", "MANIFEST_XML"}


def test_elements_nested_without_end_inside_a_description_are_refused(tmp_path: Path) -> None:
    manifest = a_manifest(ASip((), (AUnit("Haut", extra="<a>" * 1500 + "</a>" * 1500),)))

    found = reading(tmp_path, manifest)

    assert found.manifest is None
    assert codes(found.findings) == ["MANIFEST_LIMIT"]


def test_a_file_hidden_in_the_manifest_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    manifest = a_manifest(ASip((), (AUnit("Haut", description="x" * 2_000_000),)))

    found = reading(tmp_path, manifest, replace(Limits(), max_manifest_gap=500_000))

    assert codes(found.findings) == ["MANIFEST_LIMIT"]


def test_too_many_units_are_refused(tmp_path: Path) -> None:
    manifest = a_manifest(ASip((), tuple(AUnit("U") for _ in range(20))))

    assert codes(reading(tmp_path, manifest, replace(Limits(), max_units=10)).findings) == ["MANIFEST_LIMIT"]


def test_lines_are_right_beyond_65535(tmp_path: Path) -> None:
    manifest = a_manifest(ASip((), (AUnit("U"), AUnit("V")))).replace(
        b'<ArchiveUnit id="unit-2">', b"\n" * 70_000 + b'<ArchiveUnit id="unit-2">'
    )

    found = reading(tmp_path, manifest).manifest

    assert found is not None
    assert found.units[1].line > 70_000


def test_building_reads_the_same_model_and_asks_no_grammar(tmp_path: Path) -> None:
    odd = a_manifest(ASip((), (AUnit("Titre", level="Étage"),)))
    judged = reading(tmp_path, odd)
    assert set(codes(judged.findings)) == {"MANIFEST_SCHEMA"}

    assert read_model(tmp_path / "manifest.xml", "manifest.xml", Limits()) == ManifestReading(judged.manifest, ())


def test_a_description_is_written_as_compact_json_that_a_catalogue_takes_as_it_is(tmp_path: Path) -> None:
    unit = model(tmp_path, ASip((), (AUnit("L’« été »", description="à \\ b\nc"),))).units[0]

    compact = json.dumps(json.loads(unit.content), ensure_ascii=False, separators=(",", ":"))
    assert unit.content == compact
    assert "\n" not in unit.content
