"""Damaged and lying packages: every one of them ends in a finding."""

import contextlib
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ingest.domain.limits import Limits
from services.ingest.domain.sip import ContainerFormat
from services.ingest.pipeline.container.archive import open_container
from services.ingest.pipeline.container.entries import EntryKind
from services.ingest.pipeline.container.faults import ContainerFault
from services.ingest.pipeline.container.package import SipPackage
from services.ingest.pipeline.container.survey import Survey, survey
from tests.builders.sips import AFile, ASip, a_container, a_sip, codes


def surveyed(sip: Path, limits: Limits | None = None) -> Survey:
    return survey(sip, sip.with_name("spooled-manifest"), limits or Limits())


def read_all(sip: Path) -> dict[str, bytes]:
    found = surveyed(sip)
    package = SipPackage(sip, found.manifest or "", found.prefix, Limits())
    return {path: stream.read() for path, _, stream in package.files()}


def test_a_zip_entry_that_is_encrypted_or_compressed_otherwise_is_refused(tmp_path: Path) -> None:
    sip = tmp_path / "sip"
    with zipfile.ZipFile(a_sip(sip), "a") as package:
        package.writestr("Content/b.txt", b"text", zipfile.ZIP_BZIP2)
    assert codes(surveyed(sip).findings) == ["CONTAINER_COMPRESSION"]

    sip.write_bytes(with_central_field(a_sip(sip).read_bytes(), 8, 1))
    assert codes(surveyed(sip).findings)[0] == "CONTAINER_ENCRYPTED"


def with_central_field(package: bytes, offset: int, value: int) -> bytes:
    """Change a 16-bit field of the first central header."""
    position = package.index(b"PK\x01\x02") + offset
    return package[:position] + struct.pack("<H", value) + package[position + 2 :]


def test_zip_headers_that_disagree_are_refused(tmp_path: Path) -> None:
    sip = a_sip(tmp_path / "sip")
    package = bytearray(sip.read_bytes())
    package[package.index(b"manifest.xml")] = ord("M")
    sip.write_bytes(package)

    assert codes(surveyed(sip).findings) == ["CONTAINER_HEADERS_DISAGREE"]


def test_zip_entries_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """The best bombs are ZIPs whose thousand entries overlap on the same bytes."""
    sip = a_container(tmp_path / "sip", [("manifest.xml", b"a" * 1000), ("manifest.xmm", b"a" * 1000)])
    package = bytearray(sip.read_bytes())
    second = package.rindex(b"PK\x01\x02")
    package[second + 42 : second + 46] = bytes(4)
    sip.write_bytes(package)

    assert codes(surveyed(sip).findings) == ["CONTAINER_CORRUPT"]


@pytest.mark.parametrize("container", [ContainerFormat.ZIP, ContainerFormat.TAR_GZ, ContainerFormat.TAR_BZ2])
def test_a_damaged_file_is_found_while_it_is_read(tmp_path: Path, container: ContainerFormat) -> None:
    """Not in a plain TAR, which has no checksum of its contents: there the depositor's digest tells."""
    content = bytes(range(256)) * 400
    sip = a_sip(tmp_path / "sip", ASip((AFile("a.bin", content),)), container)
    package = bytearray(sip.read_bytes())
    middle = len(package) // 2
    package[middle] ^= 0xFF
    sip.write_bytes(package)

    with pytest.raises(ContainerFault):
        read_again(sip)


def read_again(sip: Path) -> None:
    for entry in open_container(sip, Limits()).entries():
        if entry.kind is EntryKind.FILE:
            entry.open().read()


def test_a_zip_with_64_bit_sizes_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "sip", "w") as package:
        for name in ("manifest.xml", "Content/a.txt"):
            with package.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry:
                entry.write(name.encode())

    assert read_all(tmp_path / "sip") == {"Content/a.txt": b"Content/a.txt"}


def test_names_of_old_writers_are_understood(tmp_path: Path) -> None:
    """Python marks UTF-8 names as such; many tools do not, and older ones write the code page of DOS."""
    for encoding in ("utf-8", "cp437"):
        sip = a_container(tmp_path / encoding, [("manifest.xml", b"m"), ("Content/e_e_.txt", b"x")])
        raw = "Content/éé.txt".encode(encoding)
        plain = raw if encoding == "cp437" else "Content/é_.txt".encode()
        sip.write_bytes(sip.read_bytes().replace(b"Content/e_e_.txt", plain.ljust(16, b"_")))

        assert surveyed(sip).paths[0].startswith("Content/é")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    container=st.sampled_from(ContainerFormat),
    damages=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    kept=st.floats(0.2, 1),
)
def test_a_damaged_package_is_never_a_crash(
    tmp_path: Path, container: ContainerFormat, damages: list[tuple[float, int]], kept: float
) -> None:
    sip = a_sip(tmp_path / "sip", ASip(message_identifier="m"), container)
    package = bytearray(sip.read_bytes())
    for where, value in damages:
        package[int(where * (len(package) - 1))] = value
    sip.write_bytes(package[: int(len(package) * kept)])

    found = surveyed(sip)

    assert all(finding.code.startswith(("CONTAINER_", "MANIFEST_")) for finding in found.findings)
    if not found.findings and found.manifest:
        with contextlib.suppress(ContainerFault):
            read_all(sip)
