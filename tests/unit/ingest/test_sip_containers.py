"""Containers: the four of them read alike, and malice or damage is a finding, never a crash."""

import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from services.ingest.domain.limits import MIB, Limits
from services.ingest.domain.sip import ContainerFormat
from services.ingest.pipeline.container.archive import open_container
from services.ingest.pipeline.container.names import clean_path
from services.ingest.pipeline.container.package import SipPackage
from services.ingest.pipeline.container.survey import Survey, survey
from tests.builders.hostile_sips import (
    a_bomb,
    a_sip_with_a_device,
    a_sip_with_a_symlink,
    a_sip_with_duplicate_names,
    a_sip_with_entry,
    a_sip_with_two_manifests,
    a_sip_without_manifest,
    a_truncated_sip,
)
from tests.builders.sips import AFile, ASip, a_container, a_sip, codes

EVERY = pytest.mark.parametrize("container", ContainerFormat)


def surveyed(sip: Path, limits: Limits | None = None) -> Survey:
    return survey(sip, sip.with_name("spooled-manifest"), limits or Limits())


def read_all(sip: Path) -> dict[str, bytes]:
    found = surveyed(sip)
    package = SipPackage(sip, found.manifest or "", found.prefix, Limits())
    return {path: stream.read() for path, _, stream in package.files()}


@EVERY
def test_every_container_gives_the_files_that_were_put_in_in_their_order(
    tmp_path: Path, container: ContainerFormat
) -> None:
    files = (AFile("Content/été+@2.pdf", b"un"), AFile("Content/vide.txt", b""), AFile("b.bin", bytes(MIB + 1)))

    found = surveyed(a_sip(tmp_path / "sip", ASip(files), container))

    assert (found.format, found.findings) == (container, ())
    assert found.paths == tuple(file.path for file in files)
    assert read_all(tmp_path / "sip") == {file.path: file.content for file in files}


@EVERY
def test_a_single_top_folder_is_no_part_of_the_paths(tmp_path: Path, container: ContainerFormat) -> None:
    found = surveyed(a_sip(tmp_path / "sip", ASip(prefix="./versement 12/"), container))

    assert (found.prefix, found.manifest) == ("versement 12/", "versement 12/manifest.xml")
    assert found.paths == tuple(file.path for file in ASip().files)


@EVERY
def test_the_manifest_is_spooled_byte_for_byte(tmp_path: Path, container: ContainerFormat) -> None:
    a_sip(tmp_path / "sip", ASip(manifest=b"<exactly/>\r\n"), container)

    found = surveyed(tmp_path / "sip")
    with SipPackage(tmp_path / "sip", found.manifest or "", found.prefix, Limits()).open_manifest() as stream:
        assert stream.read() == (tmp_path / "spooled-manifest").read_bytes() == b"<exactly/>\r\n"


@pytest.mark.parametrize("name", ["manifest.xml", "toto_manifest.xml", "SIP-12-manifest.xml"])
def test_a_manifest_may_bear_a_prefix(tmp_path: Path, name: str) -> None:
    found = surveyed(a_sip(tmp_path / "sip", ASip(manifest_name=name)))

    assert (found.manifest, found.findings) == (name, ())


@pytest.mark.parametrize(
    "name", ["$_manifest.xml", "Manifest.XML", "manifest.xml.txt", "é_manifest.xml", "a/b/manifest.xml"]
)
def test_no_other_name_is_that_of_a_manifest(tmp_path: Path, name: str) -> None:
    found = surveyed(a_sip(tmp_path / "sip", ASip(manifest_name=name)))

    assert codes(found.findings) == ["CONTAINER_NO_MANIFEST"]


def test_a_file_named_manifest_in_a_folder_is_a_file_like_another(tmp_path: Path) -> None:
    entries = [("Content/manifest.xml", b"a file"), ("manifest.xml", b"the manifest")]

    found = surveyed(a_container(tmp_path / "sip", entries))

    assert (found.manifest, found.paths, found.findings) == ("manifest.xml", ("Content/manifest.xml",), ())
    assert (tmp_path / "spooled-manifest").read_bytes() == b"the manifest"


@EVERY
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../../etc/passwd", "CONTAINER_TRAVERSAL"),
        ("Content/../../x", "CONTAINER_TRAVERSAL"),
        ("/etc/passwd", "CONTAINER_ABSOLUTE_PATH"),
        ("C:/windows/x", "CONTAINER_ABSOLUTE_PATH"),
        ("Content\\x", "CONTAINER_BACKSLASH"),
        ("Content/a\nb", "CONTAINER_BAD_NAME"),
        ("Content/" + "é" * 600, "CONTAINER_PATH_TOO_LONG"),
        ("manifest.xml/x", "CONTAINER_NAME_CONFLICT"),
    ],
)
def test_a_dangerous_name_is_refused(tmp_path: Path, container: ContainerFormat, name: str, code: str) -> None:
    found = surveyed(a_sip_with_entry(tmp_path / "sip", name, container))

    assert codes(found.findings) == [code]


@EVERY
def test_one_name_twice_is_refused(tmp_path: Path, container: ContainerFormat) -> None:
    found = surveyed(a_sip_with_duplicate_names(tmp_path / "sip", container))

    assert codes(found.findings) == ["CONTAINER_DUPLICATE"]


def test_one_name_in_two_unicode_forms_is_refused(tmp_path: Path) -> None:
    found = surveyed(a_sip_with_entry(tmp_path / "sip", "Content/de\u0301libe\u0301ration n°12.pdf"))

    assert codes(found.findings) == ["CONTAINER_DUPLICATE"]


@EVERY
def test_two_manifests_and_none_are_refused(tmp_path: Path, container: ContainerFormat) -> None:
    two = surveyed(a_sip_with_two_manifests(tmp_path / "two", container))
    none = surveyed(a_sip_without_manifest(tmp_path / "none", container))

    assert codes(two.findings) == ["CONTAINER_SEVERAL_MANIFESTS"]
    assert codes(none.findings) == ["CONTAINER_NO_MANIFEST"]


@pytest.mark.parametrize("container", [ContainerFormat.ZIP, ContainerFormat.TAR])
def test_links_and_devices_are_refused(tmp_path: Path, container: ContainerFormat) -> None:
    link = surveyed(a_sip_with_a_symlink(tmp_path / "link", container))
    device = surveyed(a_sip_with_a_device(tmp_path / "device", container))

    assert codes(link.findings) == ["CONTAINER_LINK"]
    assert codes(device.findings) == ["CONTAINER_SPECIAL_FILE"]


def test_a_sparse_tar_entry_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "sip", "w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("Content/trous")
        member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.realsize": str(1024**4)}
        tar.addfile(member)
        tar.addfile(tarfile.TarInfo("manifest.xml"))

    assert codes(surveyed(tmp_path / "sip").findings) == ["CONTAINER_SPECIAL_FILE"]


@pytest.mark.parametrize("container", [ContainerFormat.ZIP, ContainerFormat.TAR_GZ, ContainerFormat.TAR_BZ2])
def test_a_bomb_is_refused_for_its_ratio(tmp_path: Path, container: ContainerFormat) -> None:
    found = surveyed(a_bomb(tmp_path / "sip", 300 * MIB, container))

    assert codes(found.findings) == ["CONTAINER_RATIO"]


@EVERY
def test_too_many_bytes_or_files_are_refused(tmp_path: Path, container: ContainerFormat) -> None:
    sip = a_sip(tmp_path / "sip", ASip((AFile("a.bin", bytes(2 * MIB)),)), container)

    assert codes(surveyed(sip, replace(Limits(), max_files=1)).findings) == ["CONTAINER_TOO_MANY_FILES"]
    if container is not ContainerFormat.TAR:
        limits = replace(Limits(), max_expanded_bytes=MIB)
        assert codes(surveyed(sip, limits).findings) == ["CONTAINER_TOO_LARGE"]


def test_a_manifest_beyond_the_limit_is_not_spooled(tmp_path: Path) -> None:
    found = surveyed(a_sip(tmp_path / "sip"), replace(Limits(), max_manifest_bytes=100))

    assert codes(found.findings) == ["MANIFEST_TOO_LARGE"]
    assert not (tmp_path / "spooled-manifest").exists()


@EVERY
def test_a_cut_package_is_told_of(tmp_path: Path, container: ContainerFormat) -> None:
    assert codes(surveyed(a_truncated_sip(tmp_path / "sip", container)).findings) == ["CONTAINER_TRUNCATED"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "CONTAINER_EMPTY"),
        (b"%PDF-1.4", "CONTAINER_NOT_AN_ARCHIVE"),
        (b"PK\x05\x06" + bytes(18), "CONTAINER_EMPTY"),
        (bytes(10240), "CONTAINER_NOT_AN_ARCHIVE"),
        (b"BZh9 not bzip2", "CONTAINER_CORRUPT"),
        (b"\x1f\x8b not gzip", "CONTAINER_CORRUPT"),
    ],
)
def test_what_is_no_archive_is_told_of(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "sip").write_bytes(content)

    assert codes(surveyed(tmp_path / "sip").findings) == [code]


def test_a_tar_that_ends_in_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as odt:
        odt.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    sip = a_sip(tmp_path / "sip", ASip((AFile("a.odt", inner.getvalue()),)), ContainerFormat.TAR)

    assert zipfile.is_zipfile(sip)
    assert open_container(sip, Limits()).format is ContainerFormat.TAR


def test_folders_and_dots_are_no_part_of_paths() -> None:
    assert clean_path("./Content//a/./b.pdf") == "Content/a/b.pdf"
