"""Packages as real tools write them: large ones, long names, names of every alphabet of bytes."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

import pytest

from services.ingest.domain.instruments import Identification
from services.ingest.domain.limits import Limits
from services.ingest.domain.sip import ContainerFormat
from services.ingest.pipeline.container.package import SipPackage
from services.ingest.pipeline.container.survey import survey
from services.ingest.pipeline.judge import judge
from tests.builders.sips import AFile, ASip, a_sip, an_agreement, codes

NAMES = (
    "Content/délibération du 12 + annexe n°3 (1).txt",
    "Content/a+b c&d=e;f#g?h.txt",
    "Content/100 %.txt",
    "Content/100%25.txt",
    "Content/e\u0301te\u0301.txt",
    "Content/œuvre’s – €.txt",
    "Content/\U0001f5c4.txt",
    "Content/ espaces .txt",
)
LONG = "Content/" + "/".join(f"dossier n° {n} + pièces" for n in range(20)) + "/fin.txt"


@pytest.mark.parametrize("container", ContainerFormat)
@pytest.mark.parametrize("spelling", [str, quote], ids=["as-written", "percent-encoded"])
def test_any_name_of_a_file_is_found_by_its_address(
    tmp_path: Path, container: ContainerFormat, spelling: Callable[[str], str]
) -> None:
    # A percent sign alone is no address: the schema says so.
    names = [name for name in (*NAMES, LONG) if spelling is quote or "%." not in name]
    files = tuple(AFile(name, name.encode(), uri=spelling(name)) for name in names)
    sip = a_sip(tmp_path / "sip", ASip(files), container)

    found = judge(sip, an_agreement(), {}, Limits(), lambda _: Identification("x-fmt/111"), None)

    assert found.findings == ()
    assert found.inventory is not None
    assert [file.path for file in found.inventory.files] == names


def a_tar(path: Path, names: Iterable[str], form: int, encoding: str = "utf-8") -> Path:
    with tarfile.open(path, "w", format=form, encoding=encoding) as tar:
        for name in ("manifest.xml", *names):
            member = tarfile.TarInfo(name)
            content = name.encode()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def read_all(sip: Path) -> dict[str, bytes]:
    found = survey(sip, sip.with_name("spooled"), Limits())
    assert (found.findings, found.manifest) == ((), "manifest.xml")
    package = SipPackage(sip, "manifest.xml", found.prefix, Limits())
    return {path: stream.read() for path, _, stream in package.files()}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_of_gnu_and_of_pax_are_whole(tmp_path: Path, form: int) -> None:
    names = (*NAMES, LONG, f"Content/{'é' * 400}")

    assert read_all(a_tar(tmp_path / "sip", names, form)) == {name: name.encode() for name in names}


def test_a_name_that_posix_writes_in_two_parts_is_whole(tmp_path: Path) -> None:
    name = f"Content/{'d' * 90}/{'e' * 50}/{'f' * 90}"

    assert read_all(a_tar(tmp_path / "sip", [name], tarfile.USTAR_FORMAT)) == {name: name.encode()}


def test_a_tar_of_names_in_latin_1_is_refused_since_nobody_says_so(tmp_path: Path) -> None:
    sip = a_tar(tmp_path / "sip", ["Content/été"], tarfile.GNU_FORMAT, "latin-1")

    found = survey(sip, tmp_path / "spooled", Limits())

    assert codes(found.findings) == ["CONTAINER_BAD_NAME"]
    assert found.findings[0].place == "Content/\ufffdt\ufffd"


def a_raw_zip(path: Path, name: bytes, extra: bytes = b"") -> Path:
    """A ZIP whose second entry has this name in bytes, and no flag that says of which alphabet."""
    stand_in = b"x" * len(name)
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("manifest.xml", b"manifest.xml")
        info = zipfile.ZipInfo(stand_in.decode())
        info.extra = extra
        package.writestr(info, b"content")
    path.write_bytes(path.read_bytes().replace(stand_in, name))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "cp437"])
def test_a_zip_that_does_not_say_its_alphabet_is_read_as_its_tools_meant(tmp_path: Path, encoding: str) -> None:
    name = "Content/pièces + été n°1.txt"

    assert read_all(a_raw_zip(tmp_path / "sip", name.encode(encoding))) == {name: b"content"}


def test_info_zips_own_name_counts_where_it_is_of_this_entry(tmp_path: Path) -> None:
    raw, name = "Content/_uvre.txt".encode("cp437"), "Content/œuvre.txt"

    def field(crc: int) -> bytes:
        data = b"\1" + struct.pack("<L", crc) + name.encode()
        return struct.pack("<HH", 0x7075, len(data)) + data

    assert set(read_all(a_raw_zip(tmp_path / "right", raw, field(zlib.crc32(raw))))) == {name}
    assert set(read_all(a_raw_zip(tmp_path / "stale", raw, field(0)))) == {raw.decode()}


def test_a_zip_of_more_entries_than_16_bits_count_is_read(tmp_path: Path) -> None:
    """Its directory is ZIP64's, which nobody asked for: 65,535 entries are the most that the old one counts."""
    with zipfile.ZipFile(tmp_path / "sip", "w") as package:
        package.writestr("manifest.xml", b"m")
        for number in range(66_000):
            package.writestr(zipfile.ZipInfo(f"Content/{number % 7}/été + {number}"), b"")
    assert b"PK\x06\x06" in (tmp_path / "sip").read_bytes()[-200:]

    found = survey(tmp_path / "sip", tmp_path / "spooled", Limits())

    assert (found.findings, len(found.paths)) == ((), 66_000)


def test_a_tar_of_50_000_entries_is_read(tmp_path: Path) -> None:
    names = [f"{'pièces ' * 18 if number % 10 == 0 else 'été +'}/{number}" for number in range(50_000)]

    found = survey(a_tar(tmp_path / "sip", names, tarfile.GNU_FORMAT), tmp_path / "spooled", Limits())

    assert (found.findings, found.paths) == ((), tuple(names))
