"""What once crashed, in small: each is answered with a finding."""

from pathlib import Path

import pytest

from services.ingest.domain.limits import Limits
from services.ingest.domain.sip import ContainerFormat
from services.ingest.pipeline.container.survey import survey
from tests.builders.sips import a_container, codes


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
