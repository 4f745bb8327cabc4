"""Formats: Siegfried on small specimens, of small files and of the two ends of large ones."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from services.ingest.adapters.siegfried import Siegfried
from services.ingest.domain.limits import MIB, Limits
from services.ingest.pipeline import specimen
from services.ingest.pipeline.digest_algorithms import ALGORITHMS, algorithm_named
from services.ingest.pipeline.judge import Verdict, judge
from services.ingest.pipeline.specimen import CONTAINERS, HEAD, TAIL, WHOLE, WHOLE_CONTAINER, Specimen
from tests.builders.sip_manifests import PDF
from tests.builders.sips import AFile, ASip, a_sip, an_agreement, codes

OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


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

    ends = specimen_of(tmp_path, "grand.pdf", content)

    assert ends.stat().st_size == HEAD + TAIL
    assert ends.read_bytes() == content[:HEAD] + content[-TAIL:]
    assert Siegfried().identify(ends).puid == "fmt/18"


def test_a_large_office_document_is_kept_whole_to_be_looked_into(tmp_path: Path) -> None:
    kept = specimen_of(tmp_path, "grand.docx", a_docx(WHOLE + MIB))

    assert WHOLE < kept.stat().st_size < WHOLE_CONTAINER
    assert Siegfried().identify(kept).puid == "fmt/412"


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.doc", "a.zip", "a"])
@pytest.mark.parametrize("magic", CONTAINERS)
@pytest.mark.parametrize("size", [100, 4000])
def test_a_container_that_cannot_be_opened_is_damaged(tmp_path: Path, magic: bytes, size: int, name: str) -> None:
    found = Siegfried().identify(specimen_of(tmp_path, name, magic + b"x" * size))

    assert found.puid is not None or found.damaged


def judged(folder: Path, *files: AFile) -> Verdict:
    package = a_sip(folder / "sip", ASip(files))
    return judge(package, an_agreement(), {}, Limits(), Siegfried().identify, None)


def test_a_container_cut_short_is_told_of_and_named_by_what_it_begins_as(tmp_path: Path) -> None:
    found = judged(tmp_path, AFile("x.docx", a_docx(1000)[:-100]), AFile("y.doc", OLE2 + b"y" * 600))

    assert found.inventory is not None
    assert [(each.place, each.params) for each in found.findings if each.code == "FORMAT_DAMAGED"] == [
        ("x.docx", {"kind": "ZIP Format"}),
        ("y.doc", {"kind": "OLE2 Compound Document Format"}),
    ]
    assert "FORMAT_UNIDENTIFIED" not in codes(found.findings)
    assert {file.path: file.puid for file in found.inventory.files} == {"x.docx": "x-fmt/263", "y.doc": "fmt/111"}


def test_a_container_too_large_to_be_kept_is_named_by_what_it_begins_as_and_not_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(specimen, "WHOLE_CONTAINER", 8 * MIB)
    found = judged(tmp_path, AFile("grand.xls", OLE2 + b"y" * 9 * MIB))

    assert found.inventory is not None
    assert [file.puid for file in found.inventory.files] == ["fmt/111"]
    assert not {"FORMAT_DAMAGED", "FORMAT_UNIDENTIFIED"} & set(codes(found.findings))


def test_a_file_that_is_not_there_is_nobodys_format(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no such file"):
        Siegfried().identify(tmp_path / "gone")


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
