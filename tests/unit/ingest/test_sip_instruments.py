"""Formats: Siegfried on small specimens, of small files and of the two ends of large ones."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from services.ingest.adapters.siegfried import Siegfried
from services.ingest.domain.limits import MIB
from services.ingest.pipeline.digest_algorithms import ALGORITHMS, algorithm_named
from services.ingest.pipeline.specimen import HEAD, TAIL, WHOLE, WHOLE_CONTAINER, Specimen
from tests.builders.sip_manifests import PDF


def specimen_of(folder: Path, name: str, content: bytes) -> Path:
    with Specimen(folder, name, len(content)) as specimen:
        for start in range(0, len(content), MIB):
            specimen.write(content[start : start + MIB])
    return specimen.path


def a_docx(size: int) -> bytes:
    package = io.BytesIO()
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    with zipfile.ZipFile(package, "w") as docx:
        docx.writestr("[Content_Types].xml", f'<Types><Override ContentType="{main}"/></Types>')
        docx.writestr("word/media/image.bin", hashlib.shake_256(b"image").digest(size))
        docx.writestr("word/document.xml", "<document/>")
    return package.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "puid", "mime"),
    [
        ("délibération.pdf", PDF, "fmt/18", "application/pdf"),
        ("note.txt", b"Bonjour.\n" * 10, "x-fmt/111", "text/plain"),
        ("sans-extension", PDF, "fmt/18", "application/pdf"),
        ("flux.xml", b'<?xml version="1.0"?>\n<a/>', "fmt/101", "application/xml"),
        ("rien", bytes(range(256)), None, None),
        ("vide", b"", None, None),
    ],
)
def test_a_format_is_known_by_its_bytes(
    tmp_path: Path, name: str, content: bytes, puid: str | None, mime: str | None
) -> None:
    found = Siegfried().identify(specimen_of(tmp_path, name, content))

    assert found.puid == puid
    assert mime is None or (found.mime or "").startswith(mime)


def test_a_large_file_is_known_by_its_two_ends(tmp_path: Path) -> None:
    content = b"%PDF-1.4\n" + bytes(WHOLE + 3 * MIB) + b"\n%%EOF\n"

    specimen = specimen_of(tmp_path, "grand.pdf", content)

    assert specimen.stat().st_size == HEAD + TAIL
    assert specimen.read_bytes() == content[:HEAD] + content[-TAIL:]
    assert Siegfried().identify(specimen).puid == "fmt/18"


def test_a_large_office_document_is_kept_whole_to_be_looked_into(tmp_path: Path) -> None:
    specimen = specimen_of(tmp_path, "grand.docx", a_docx(WHOLE + MIB))

    assert WHOLE < specimen.stat().st_size < WHOLE_CONTAINER
    assert Siegfried().identify(specimen).puid == "fmt/412"


def test_a_strange_extension_is_left_out(tmp_path: Path) -> None:
    assert specimen_of(tmp_path, "a.p/../d f", b"x").parent == tmp_path
    assert specimen_of(tmp_path, "a.exe;rm", b"x").suffix == ""


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("SHA-512", "SHA-512"),
        ("sha_512", "SHA-512"),
        ("http://www.w3.org/2001/04/xmlenc#sha512", "SHA-512"),
        ("http://www.w3.org/2000/09/xmldsig#sha1", "SHA-1"),
        ("http://www.w3.org/2001/04/xmldsig-more#md5", "MD5"),
        ("urn:oasis:sha256", "SHA-256"),
        ("SHA", "SHA-1"),
        ("SHA3-256", "SHA3-256"),
        ("whirlpool", None),
        ("", None),
    ],
)
def test_algorithms_are_known_by_all_their_names(written: str, name: str | None) -> None:
    assert algorithm_named(written) == name


def test_every_algorithm_is_computed_here_and_has_its_length() -> None:
    for hashlib_name, length in ALGORITHMS.values():
        assert hashlib.new(hashlib_name).digest_size == length


def test_the_identifier_names_itself() -> None:
    assert Siegfried.software().keys() == {"siegfried", "pygfried"}
