"""What can be wrong with a package is found without an archive, under the archive's own codes."""

import base64
import csv
import hashlib
import io
import json
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from chartrier_client import Level, SipBuilder, SourceFile, Unit, check_sip
from chartrier_client.checking import container
from chartrier_client.checking import findings as told
from chartrier_client.checking.findings import TEXTS
from chartrier_client.command import main
from tests import corpus_location
from tests.unit.client.folders import an_envelope

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def corpus_dir() -> Path:
    return corpus_location.corpus_dir()


def a_package(place: Path) -> Files:
    """The files of a right package: a folder of two documents."""
    builder = SipBuilder(an_envelope())
    root = builder.add_unit(Unit("Dossier", Level.FILE, start_date="2025", end_date="2026"))
    for name in ("a.txt", "b.txt"):
        builder.add_file(builder.add_unit(Unit(name), root), SourceFile(name, name.encode()))
    with zipfile.ZipFile(builder.write(place / "right.zip").path) as package:
        return {name: package.read(name) for name in package.namelist()}


def zipped(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as package:
        for name, content in files.items():
            package.writestr(zipfile.ZipInfo(name), content)
    return path


def tarred(path: Path, files: Files, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as package:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            package.addfile(info, io.BytesIO(content))
    return path


def codes(path: Path) -> list[str]:
    return [finding.code for finding in check_sip(path).findings]


def without(pattern: str, replacement: str = "", count: int = 1) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        before = files["manifest.xml"].decode()
        after = re.sub(pattern, replacement, before, count=count, flags=re.DOTALL)
        assert after != before
        files["manifest.xml"] = after.encode()

    return change


def with_file(name: str, content: bytes = b"x") -> Callable[[Files], None]:
    def change(files: Files) -> None:
        files[name] = content

    return change


def without_file(name: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        del files[name]

    return change


RULE = "<Management><AppraisalRule>{}</AppraisalRule></Management><Content>"
WRONG: dict[str, tuple[Callable[[Files], None], list[str]]] = {
    "another file": (with_file("Content/OBJ1.txt"), ["OBJECT_SIZE_MISMATCH", "OBJECT_DIGEST_MISMATCH"]),
    "a missing file": (without_file("Content/OBJ1.txt"), ["OBJECT_FILE_MISSING"]),
    "a file too many": (with_file("Content/z.txt"), ["OBJECT_FILE_UNCLAIMED"]),
    "a file for two": (
        without("Content/OBJ2.txt", "Content/OBJ1.txt"),
        ["OBJECT_FILE_SHARED", "OBJECT_FILE_UNCLAIMED"],
    ),
    "no digest": (without('<MessageDigest algorithm="SHA-512">[0-9a-f]+</MessageDigest>'), ["OBJECT_DIGEST_MISSING"]),
    "an unknown digest": (without("SHA-512", "CRC-32"), ["OBJECT_DIGEST_ALGORITHM"]),
    "half a digest": (without('512">[0-9a-f]{64}', '512">'), ["OBJECT_DIGEST_UNREADABLE"]),
    "no address": (without("<Uri>.*?</Uri>"), ["OBJECT_URI_EMPTY", "OBJECT_FILE_UNCLAIMED"]),
    "an odd usage": (without("BinaryMaster_1", "Original"), ["OBJECT_USAGE", "OBJECT_MASTER_MISSING"]),
    "a group without a master": (without("BinaryMaster_1", "Thumbnail_1"), ["OBJECT_MASTER_MISSING"]),
    "an identifier twice": (without('id="UA2"', 'id="UA1"'), ["REFERENCE_DUPLICATE_ID", "REFERENCE_CYCLE"]),
    "a group that is not there": (
        without("ReferenceId>GO1<", "ReferenceId>GO9<"),
        ["REFERENCE_UNKNOWN", "REFERENCE_ORPHAN_GROUP"],
    ),
    "a reference of another kind": (
        without("ReferenceId>GO1<", "ReferenceId>UA1<"),
        ["REFERENCE_WRONG_KIND", "REFERENCE_ORPHAN_GROUP"],
    ),
    "an object reached over its group": (
        without("DataObjectGroupReferenceId>GO1</DataObjectGroup", "DataObjectReferenceId>OBJ1</DataObject"),
        ["REFERENCE_INTO_GROUP"],
    ),
    "units in a ring": (
        without(
            "<DataObjectReference>",
            '<ArchiveUnit id="R"><ArchiveUnitRefId>UA1</ArchiveUnitRefId></ArchiveUnit><DataObjectReference>',
        ),
        ["REFERENCE_CYCLE"],
    ),
    "no unit": (
        without("<DescriptiveMetadata>.*</DescriptiveMetadata>", "<DescriptiveMetadata/>"),
        ["UNIT_NONE", "REFERENCE_ORPHAN_GROUP", "REFERENCE_ORPHAN_GROUP"],
    ),
    "no title": (without("<Title>a.txt</Title>", "<Title> </Title>"), ["UNIT_TITLE_EMPTY"]),
    "an odd level": (without("<DescriptionLevel>File<", "<DescriptionLevel>Box<"), ["UNIT_LEVEL"]),
    "an odd date": (without("<StartDate>2025<", "<StartDate>avant<"), ["UNIT_DATE_UNREADABLE"]),
    "dates reversed": (without("<EndDate>2026<", "<EndDate>2024-12-31<"), ["UNIT_DATES_REVERSED"]),
    "a rule without a code": (
        without("<Content>", RULE.format("<Rule/><FinalAction>Keep</FinalAction>")),
        ["RULE_CODE_EMPTY"],
    ),
    "a rule without an action": (without("<Content>", RULE.format("<Rule>A</Rule>")), ["RULE_FINAL_ACTION"]),
    "a rule from a year on": (
        without("<Content>", RULE.format("<Rule>A</Rule><StartDate>2025</StartDate><FinalAction>Keep</FinalAction>")),
        ["RULE_DATE"],
    ),
    "a category of nothing": (
        without("<Content>", "<Management><AccessRule/></Management><Content>"),
        ["RULE_CATEGORY_EMPTY"],
    ),
    "nobody's message": (without("<MessageIdentifier>.*?</MessageIdentifier>"), ["HEADER_EMPTY"]),
    "no XML": (without("</ArchiveTransfer>"), ["MANIFEST_XML"]),
    "another message": (without("ArchiveTransfer", "ArchiveTransferReply", 0), ["MANIFEST_NOT_A_TRANSFER"]),
    "another standard": (without("seda:v2.2", "seda:v9"), ["MANIFEST_VERSION"]),
    "no manifest": (without_file("manifest.xml"), ["CONTAINER_NO_MANIFEST"]),
    "two manifests": (with_file("other_manifest.xml"), ["CONTAINER_SEVERAL_MANIFESTS"]),
    "a way out": (with_file("../z.txt"), ["CONTAINER_TRAVERSAL", "OBJECT_FILE_UNCLAIMED"]),
    "an absolute path": (with_file("/z.txt"), ["CONTAINER_ABSOLUTE_PATH", "OBJECT_FILE_UNCLAIMED"]),
    "a drive": (with_file("C:z.txt"), ["CONTAINER_ABSOLUTE_PATH", "OBJECT_FILE_UNCLAIMED"]),
    "a backslash": (with_file("Content\\z.txt"), ["CONTAINER_BACKSLASH", "OBJECT_FILE_UNCLAIMED"]),
    "a control character": (with_file("Content/\x07"), ["CONTAINER_BAD_NAME", "OBJECT_FILE_UNCLAIMED"]),
    "a path without end": (with_file("z" * 1025), ["CONTAINER_PATH_TOO_LONG", "OBJECT_FILE_UNCLAIMED"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_fault_is_found(tmp_path: Path, case: str) -> None:
    change, expected = WRONG[case]
    files = a_package(tmp_path)
    assert check_sip(tmp_path / "right.zip").findings == ()
    change(files)

    assert codes(zipped(tmp_path / "wrong.zip", files)) == expected


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2"])
def test_tars_are_checked_like_zips_and_a_top_folder_is_no_fault(tmp_path: Path, mode: str) -> None:
    files = {f"SIP/{name}": content for name, content in a_package(tmp_path).items()}
    right = check_sip(tarred(tmp_path / "right.tar", files, mode))
    files["SIP/Content/OBJ1.txt"] = b"y.txt"

    assert (right.findings, right.units, right.files, right.version) == ((), 3, 2, "2.2")
    assert codes(tarred(tmp_path / "wrong.tar", files, mode)) == ["OBJECT_DIGEST_MISMATCH"]


def test_weak_digests_and_other_spellings_are_understood(tmp_path: Path) -> None:
    files = a_package(tmp_path)
    digest = base64.b64encode(hashlib.sha1(b"a.txt", usedforsecurity=False).digest()).decode()
    spelt = f'algorithm="http://www.w3.org/2000/09/xmldsig#sha1">{digest}<'
    without('algorithm="SHA-512">[0-9a-f]+<', spelt)(files)

    assert codes(zipped(tmp_path / "sip.zip", files)) == ["OBJECT_DIGEST_WEAK"]
    assert check_sip(tmp_path / "sip.zip").is_acceptable


def test_entities_are_never_expanded_and_the_file_system_never_read(tmp_path: Path) -> None:
    files = a_package(tmp_path)
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    doctype = f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}<!ENTITY f SYSTEM "file:///etc/hostname">]>'
    files["manifest.xml"] = f"<?xml version='1.0'?>{doctype}<a>&l9;&f;</a>".encode()

    assert codes(zipped(tmp_path / "sip.zip", files)) == ["MANIFEST_DOCTYPE"]


def test_elements_without_end_are_refused(tmp_path: Path) -> None:
    files = a_package(tmp_path)
    opening = files["manifest.xml"].decode().partition("<Date>")[0]
    files["manifest.xml"] = (opening + "<a>" * 5000).encode()

    assert codes(zipped(tmp_path / "sip.zip", files)) == ["MANIFEST_LIMIT"]


def test_a_tag_made_to_fill_the_memory_is_refused(tmp_path: Path) -> None:
    files = a_package(tmp_path)
    opening = files["manifest.xml"].decode().partition("<Date>")[0]
    files["manifest.xml"] = (opening + "<a " + "".join(f"b{n}='' " for n in range(700_000))).encode()

    assert codes(zipped(tmp_path / "sip.zip", files)) == ["MANIFEST_LIMIT"]


def test_a_bomb_is_refused_before_it_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "RATIO_FLOOR", 1 << 20)
    for name, write in (("bomb.zip", zip_bomb), ("bomb.tar.gz", tar_bomb)):
        assert codes(write(tmp_path / name)) == ["CONTAINER_RATIO"]


def zip_bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("manifest.xml", b"\0" * (8 << 20))
    return path


def tar_bomb(path: Path) -> Path:
    return tarred(path, {"manifest.xml": b"\0" * (8 << 20)}, "w:gz")


def test_a_header_made_to_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tarred(tmp_path / "a.tar", {"manifest.xml": b"x"})
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 4 << 30
    path.write_bytes(header.tobuf() + path.read_bytes())

    assert codes(path) == ["CONTAINER_CORRUPT"]


def test_more_entries_than_an_archive_takes_are_counted_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"Content/{number:0200}": b"" for number in range(5000)}
    path = zipped(tmp_path / "many.zip", files)
    monkeypatch.setattr(container, "MOST_ENTRIES", 4999)
    monkeypatch.setattr(zipfile, "ZipInfo", None)  # not one of them is made

    assert codes(path) == ["CONTAINER_TOO_MANY_FILES"]
    monkeypatch.undo()
    monkeypatch.setattr(container, "MOST_ENTRIES", 4999)
    assert codes(tarred(tmp_path / "many.tar", files)) == ["CONTAINER_TOO_MANY_FILES"]


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"PK\x03\x04 and no more", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_package_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sip.zip"
    path.write_bytes(content)

    assert codes(path)[0] in {"CONTAINER_NOT_AN_ARCHIVE", "CONTAINER_CORRUPT", "CONTAINER_EMPTY"}


def test_a_damaged_package_is_said_to_be_damaged(tmp_path: Path) -> None:
    a_package(tmp_path)
    right = (tmp_path / "right.zip").read_bytes()
    at = right.index(b"Content/OBJ1.txt") + 16
    (tmp_path / "bit.zip").write_bytes(right[:at] + b"\xff" * 4 + right[at + 4 :])
    (tmp_path / "cut.zip").write_bytes(right[: len(right) // 2])

    for name in ("bit.zip", "cut.zip"):
        assert codes(tmp_path / name) == ["CONTAINER_CORRUPT"]


def test_links_and_encrypted_entries_are_told_of_and_not_read(tmp_path: Path) -> None:
    files = a_package(tmp_path)
    path = zipped(tmp_path / "sip.zip", files)
    with zipfile.ZipFile(path, "a") as package:
        link = zipfile.ZipInfo("Content/lien")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        package.writestr(link, "/etc/passwd")
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\x01\x02", raw.index(b"PK\x01\x02") + 1)
    struct.pack_into("<H", raw, at + 8, 1)
    path.write_bytes(bytes(raw))

    assert codes(path)[:2] == ["CONTAINER_ENCRYPTED", "CONTAINER_LINK"]


def test_findings_of_one_code_are_counted_beyond_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "MOST_PER_CODE", 3)
    files = a_package(tmp_path) | {f"Content/{number}.txt": b"x" for number in range(5)}

    report = check_sip(zipped(tmp_path / "sip.zip", files))

    assert (len(report.findings), report.omitted) == (3, {"OBJECT_FILE_UNCLAIMED": 2})


def test_the_official_schemas_judge_where_somebody_has_them(tmp_path: Path) -> None:
    schemas = corpus_location.official_xsd_dir()
    files = a_package(tmp_path)
    without("<DescriptionLevel>File<", "<Odd/><DescriptionLevel>File<")(files)
    path = zipped(tmp_path / "sip.zip", files)

    assert check_sip(tmp_path / "right.zip", schemas).findings == ()
    assert codes(path) == []
    assert [finding.code for finding in check_sip(path, schemas).findings] == ["MANIFEST_SCHEMA"]


def test_what_the_archive_takes_of_real_packages_the_check_takes(corpus_dir: Path) -> None:
    refused = []
    with (corpus_dir / "expected.csv").open(encoding="utf-8", newline="") as rows:
        packages = {row["file"]: row["expected"] for row in csv.DictReader(rows)}
    for name, expected in packages.items():
        report = check_sip(corpus_dir / name)
        assert expected not in {"accept", "strict"} or report.is_acceptable, (name, report.findings)
        refused += [name] if not report.is_acceptable else []

    assert len(refused) >= 30


def test_the_command_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = a_package(tmp_path)
    without_file("Content/OBJ1.txt")(files)
    wrong = zipped(tmp_path / "wrong.zip", files)

    assert main(["sip", "check", str(tmp_path / "right.zip")], {}) == 0
    assert "rien à redire" in capsys.readouterr().out
    assert main(["sip", "check", str(wrong)], {}) == 2
    assert "OBJECT_FILE_MISSING manifest.xml:17 OBJ1 : le fichier «Content/OBJ1.txt»" in capsys.readouterr().out
    assert main(["--language", "en", "--json", "sip", "check", str(wrong)], {}) == 2
    report = json.loads(capsys.readouterr().out)
    assert " ".join(report) == "path acceptable version message_identifier units files findings omitted"
    assert report["acceptable"] is False
    assert [(row["code"], row["message"]) for row in report["findings"]] == [
        ("OBJECT_FILE_MISSING", "the file «Content/OBJ1.txt» is not in the package")
    ]
    assert main(["sip", "check", str(tmp_path / "absent.zip")], {}) == 1
    assert main(["sip", "check", str(wrong), "--xsd", str(tmp_path)], {}) == 1
    assert "seda-2.2-main.xsd" in capsys.readouterr().err


def test_every_finding_has_the_same_words_to_fill_in_both_languages() -> None:
    names = re.compile(r"\{(\w+)\}")
    assert {code for code, (fr, en) in TEXTS.items() if set(names.findall(fr)) != set(names.findall(en))} == set()
