"""What a file's own bytes tell: that it is encrypted, that it is an archive, how deep archives stand in it."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.instruments import Identification
from services.ingest.domain.limits import Limits
from services.ingest.pipeline.judge import judge
from tests.builders.locked_files import a_zip
from tests.builders.sips import AFile, ASip, a_sip, an_agreement

OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R{}>>\n%%EOF\n"


def a_pdf(trailer: bytes = b"") -> bytes:
    return PDF.replace(b"{}", trailer)


def encrypted(package: bytes) -> bytes:
    """Say of the one entry of a ZIP, in both its headers, that it is encrypted."""
    content = bytearray(package)
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def nested(levels: int, inmost: bytes = b"x" * 100) -> bytes:
    content = a_zip(("a.txt", inmost))
    for _ in range(levels - 1):
        content = a_zip(("inner.zip", content))
    return content


def a_tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a.txt"))
    return out.getvalue()


def found_in(folder: Path, content: bytes, limits: Limits | None = None) -> list[Finding]:
    path = a_sip(folder / "sip", ASip((AFile("Content/file", content),)))
    verdict = judge(path, an_agreement(), {}, limits or Limits(), lambda _: Identification("fmt/0"), None)
    assert all(each.place == "Content/file" for each in verdict.findings)
    return list(verdict.findings)


ODT = ("META-INF/manifest.xml", b'<manifest:file-entry><manifest:encryption-data manifest:checksum="x"/>')


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (OLE2 + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600), "Office"),
        (a_zip(("mimetype", b"application/vnd.oasis.opendocument.text"), ODT), "OpenDocument"),
        (encrypted(a_zip(("mimetype", b"x"))), "ZIP"),
    ],
)
def test_what_is_encrypted_is_refused(tmp_path: Path, content: bytes, kind: str) -> None:
    (told,) = found_in(tmp_path, content)

    assert (told.code, told.severity, told.params["kind"]) == ("FORMAT_ENCRYPTED", Severity.ERROR, kind)


@pytest.mark.parametrize("trailer", [b"/Encrypt 5 0 R", b"/Encrypt<</Filter/Standard>>"])
def test_a_protected_pdf_is_told_of_since_it_may_open_without_its_password(tmp_path: Path, trailer: bytes) -> None:
    (told,) = found_in(tmp_path, a_pdf(trailer))

    assert (told.code, told.severity) == ("FORMAT_PROTECTED", Severity.WARNING)


def test_an_encrypted_file_of_an_archive_is_found_in_the_archives_within_it_too(tmp_path: Path) -> None:
    content = a_zip(("inner.zip", encrypted(a_zip(("a.txt", b"x" * 100)))))

    assert [each.code for each in found_in(tmp_path, content)] == ["FORMAT_ARCHIVE", "FORMAT_ENCRYPTED"]


@pytest.mark.parametrize(
    "content",
    [
        a_pdf(),
        a_pdf(b"/EncryptMetadata false"),
        b"/Encrypt 5 0 R",
        OLE2 + bytes(2000),
        a_zip(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<x/>")),
        a_zip(("mimetype", b"application/epub+zip")),
        a_zip(("mimetype", b"x"))[:-10],
    ],
)
def test_of_other_documents_nothing_is_said(tmp_path: Path, content: bytes) -> None:
    assert found_in(tmp_path, content) == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [(nested(1), "ZIP"), (gzip.compress(b"x"), "gzip"), (a_tar(), "TAR")],
)
def test_an_archive_is_told_of(tmp_path: Path, content: bytes, kind: str) -> None:
    (told,) = found_in(tmp_path, content)

    assert (told.code, told.severity, told.params["kind"]) == ("FORMAT_ARCHIVE", Severity.INFO, kind)


def test_archives_within_archives_have_a_depth(tmp_path: Path) -> None:
    allowed = found_in(tmp_path, nested(2), Limits(max_archive_depth=2))
    deeper = found_in(tmp_path, nested(3), Limits(max_archive_depth=2))

    assert [each.code for each in allowed] == ["FORMAT_ARCHIVE"]
    assert [(each.code, each.severity) for each in deeper] == [
        ("FORMAT_ARCHIVE", Severity.INFO),
        ("FORMAT_ARCHIVE_TOO_DEEP", Severity.ERROR),
    ]
    assert deeper[1].params == {"limit": "2"}
