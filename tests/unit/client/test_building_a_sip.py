import zipfile
from datetime import UTC, date, datetime
from hashlib import sha512
from pathlib import Path

import pytest
from lxml import etree

from chartrier_client import (
    DescriptionError,
    Envelope,
    Keyword,
    Level,
    Rule,
    RuleCategory,
    SedaVersion,
    SipBuilder,
    SourceFile,
    Unit,
)
from chartrier_client.folders import build_from_folder
from services.ingest.pipeline.schema import load_schema

LONG_AGO = datetime(2026, 1, 15, 10, tzinfo=UTC)


def an_envelope(identifier: str = "MSG-1") -> Envelope:
    return Envelope(identifier, "ARCHIVES", "MAIRIE", agreement="ACCORD", date=LONG_AGO)


def a_full_unit() -> Unit:
    return Unit(
        "Registre & <délibérations>",
        Level.FILE,
        description="Année 2025",
        start_date="2025",
        end_date=date(2025, 12, 31),
        created_date="2025-02",
        identifier="R-2025",
        file_plan_position="1/2/3",
        document_type="Registre",
        language="fr",
        originating_agency="MAIRIE",
        keywords=(Keyword("conseil", "corpname", "REF-1"), Keyword("séance")),
        rules=(
            Rule(RuleCategory.REUSE, "REU-1"),
            Rule(RuleCategory.ACCESS, "ACC-1", date(2025, 12, 31)),
            Rule(RuleCategory.APPRAISAL, "APP-1", date(2025, 12, 31), "Keep"),
            Rule(RuleCategory.APPRAISAL, "APP-2", None, "Keep"),
            Rule(RuleCategory.STORAGE, "STO-1", None, "Transfer"),
            Rule(RuleCategory.DISSEMINATION, "DIS-1"),
        ),
    )


def test_the_digest_of_a_manifest_is_known_without_writing_its_package(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"on disk")
    builder = SipBuilder(an_envelope())
    unit = builder.add_unit(a_full_unit())
    builder.add_file(unit, SourceFile("a.txt", tmp_path / "a.txt"))
    builder.add_file(unit, SourceFile("b.TXT", b"in memory"))
    builder.write(tmp_path / "sip.zip")

    with zipfile.ZipFile(tmp_path / "sip.zip") as package:
        written = sha512(package.read("manifest.xml")).hexdigest()

    assert builder.manifest_digest(LONG_AGO) == written
    assert builder.manifest_digest(LONG_AGO.replace(hour=11)) != written


def manifest_of(path: Path) -> etree._Element:
    with zipfile.ZipFile(path) as package:
        return etree.fromstring(package.read("manifest.xml"))


def texts(manifest: etree._Element, name: str) -> list[str | None]:
    return [element.text for element in manifest.iter(f"{{*}}{name}")]


@pytest.mark.parametrize("version", list(SedaVersion))
def test_a_package_using_every_field_is_valid_against_the_schema(tmp_path: Path, version: SedaVersion) -> None:
    builder = SipBuilder(an_envelope(), version)
    root = builder.add_unit(a_full_unit())
    for name in ("a.pdf", "b.xml"):
        builder.add_file(root, SourceFile(name, b"content", mime="text/plain", format_id="x-fmt/111"))
    builder.add_unit(Unit("Sans fichier", Level.RECORD_GROUP), root)
    builder.write(tmp_path / "sip.zip")

    schema = load_schema(version)
    manifest = manifest_of(tmp_path / "sip.zip")
    schema.validate(manifest)

    assert [str(error) for error in schema.error_log] == []
    assert etree.QName(manifest).namespace == f"fr:gouv:culture:archivesdefrance:seda:v{version}"


def test_digests_and_sizes_are_those_of_the_bytes_in_the_package(tmp_path: Path) -> None:
    (tmp_path / "Plan d'été.PDF").write_bytes(b"x" * 3_000_000)
    builder = SipBuilder(an_envelope())
    unit = builder.add_unit(Unit("Plan"))
    builder.add_file(unit, SourceFile("Plan d'été.PDF", tmp_path / "Plan d'été.PDF"))
    builder.add_file(unit, SourceFile("vide", b""))

    built = builder.write(tmp_path / "sip.zip")

    manifest = manifest_of(built.path)
    with zipfile.ZipFile(built.path) as package:
        uris = [str(uri) for uri in texts(manifest, "Uri")]
        contents = [package.read(uri) for uri in uris]
    assert uris == ["Content/OBJ1.pdf", "Content/OBJ2"]
    assert texts(manifest, "MessageDigest") == [sha512(content).hexdigest() for content in contents]
    assert texts(manifest, "Size") == ["3000000"]  # SEDA cannot state a size of nothing
    assert texts(manifest, "Filename") == ["Plan d'été.PDF", "vide"]


def test_the_tree_and_the_files_of_each_unit_are_kept(tmp_path: Path) -> None:
    builder = SipBuilder(an_envelope())
    root = builder.add_unit(Unit("Racine", Level.RECORD_GROUP))
    first = builder.add_unit(Unit("Première"), root)
    second = builder.add_unit(Unit("Seconde"), root)
    builder.add_file(second, SourceFile("2.txt", b"2"))
    builder.add_file(first, SourceFile("1.txt", b"1"))

    manifest = manifest_of(builder.write(tmp_path / "sip.zip").path)

    top = manifest.findall(".//{*}DescriptiveMetadata/{*}ArchiveUnit")
    children = top[0].findall("{*}ArchiveUnit")
    assert [unit.findtext("{*}Content/{*}Title") for unit in children] == ["Première", "Seconde"]
    assert [unit.findtext(".//{*}DataObjectGroupReferenceId") for unit in children] == ["GO2", "GO1"]


def test_the_same_description_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        builder = SipBuilder(an_envelope())
        builder.add_file(builder.add_unit(a_full_unit()), SourceFile("a.pdf", b"content"))
        builder.write(tmp_path / name)

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_package_is_stored_as_it_is_when_compressing_is_not_worth_it(tmp_path: Path) -> None:
    builder = SipBuilder(an_envelope())
    builder.add_file(builder.add_unit(Unit("Film")), SourceFile("film.mkv", b"0" * 10_000))

    small = builder.write(tmp_path / "small.zip")
    plain = builder.write(tmp_path / "plain.zip", compress=False)

    assert small.size < 10_000 < plain.size
    assert etree.tostring(manifest_of(small.path)) == etree.tostring(manifest_of(plain.path))


def test_a_package_that_cannot_be_finished_leaves_nothing_behind(tmp_path: Path) -> None:
    builder = SipBuilder(an_envelope())
    builder.add_file(builder.add_unit(Unit("Absent")), SourceFile("a.pdf", tmp_path / "absent.pdf"))

    with pytest.raises(FileNotFoundError):
        builder.write(tmp_path / "sip.zip")

    assert list(tmp_path.iterdir()) == []


def test_a_description_that_the_standard_refuses_is_refused_at_once() -> None:
    builder = SipBuilder(an_envelope())
    with pytest.raises(DescriptionError, match="title"):
        Unit("  ")
    with pytest.raises(DescriptionError, match="final action"):
        Rule(RuleCategory.APPRAISAL, "APP-1")
    with pytest.raises(DescriptionError, match="final action"):
        Rule(RuleCategory.ACCESS, "ACC-1", final_action="Keep")
    with pytest.raises(DescriptionError, match="several final actions"):
        Unit(
            "Deux sorts",
            rules=(
                Rule(RuleCategory.APPRAISAL, "APP-1", None, "Keep"),
                Rule(RuleCategory.APPRAISAL, "APP-2", None, "Destroy"),
            ),
        )
    with pytest.raises(DescriptionError, match="time zone"):
        Envelope("M", "A", "T", date=datetime(2026, 1, 1))  # noqa: DTZ001  the very fault
    with pytest.raises(DescriptionError, match="UA7"):
        builder.add_unit(Unit("Orpheline"), "UA7")
    with pytest.raises(DescriptionError, match="at least one"):
        builder.write(Path("nowhere.zip"))


def test_a_tree_too_deep_for_xml_readers_is_refused() -> None:
    builder = SipBuilder(an_envelope())
    parent = builder.add_unit(Unit("Racine"))
    for _ in range(100):
        parent = builder.add_unit(Unit("Plus bas"), parent)

    with pytest.raises(DescriptionError, match="levels deep"):
        builder.add_unit(Unit("Trop bas"), parent)


def test_a_folder_becomes_groups_and_items_with_nothing_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "Conseil municipal"
    (folder / "2025").mkdir(parents=True)
    (folder / "vide").mkdir()
    (folder / "2025" / "délibération.txt").write_text("texte", encoding="utf-8")
    (folder / ".cache").write_text("caché", encoding="utf-8")

    built = build_from_folder(folder, tmp_path / "sip.zip", an_envelope())

    manifest = manifest_of(built.path)
    load_schema("2.2").assertValid(manifest)
    assert texts(manifest, "Title") == ["Conseil municipal", ".cache", "2025", "délibération.txt", "vide"]
    assert texts(manifest, "DescriptionLevel") == ["RecordGrp", "Item", "RecordGrp", "Item", "RecordGrp"]


def test_a_link_in_a_folder_is_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "dossier"
    folder.mkdir()
    (folder / "lien").symlink_to("/etc/hostname")

    with pytest.raises(DescriptionError, match="lien"):
        build_from_folder(folder, tmp_path / "sip.zip", an_envelope())


def test_a_package_is_never_written_inside_the_folder_it_packages(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match="inside"):
        build_from_folder(tmp_path, tmp_path / "sip.zip", an_envelope())
