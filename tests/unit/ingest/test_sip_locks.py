"""Files behind a password are refused, those that open without one are not; and no bytes make the search fail."""

import mmap
import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.limits import MIB
from services.ingest.pipeline.inside import look_inside
from services.ingest.pipeline.locks.ole2 import Ole2
from services.ingest.pipeline.locks.pdf_objects import read_dictionary, read_string
from services.ingest.pipeline.specimen import HEAD, TAIL
from tests.builders.locked_files import OLE2, a_doc, a_ppt, a_rar4, a_rar5, a_zip, an_ole2, an_xls

LOCKS = Path(__file__).parents[2] / "data" / "locks"


def told_of(folder: Path, content: bytes, *, whole: bool = True) -> list[Finding]:
    path = folder / "specimen"
    path.write_bytes(content)
    found = look_inside(path, "file", 3, whole=whole)
    assert list(folder.iterdir()) == [path]
    return found


def encrypted_kinds(folder: Path, content: bytes, *, whole: bool = True) -> list[str]:
    found = told_of(folder, content, whole=whole)
    return [each.params["kind"] for each in found if each.code == "FORMAT_ENCRYPTED"]


def ends_of(content: bytes) -> bytes:
    """What a specimen keeps of a large file."""
    return content[:HEAD] + content[-TAIL:]


PDFS = sorted(path.name for path in LOCKS.glob("*.pdf"))


def test_every_revision_of_the_standard_handler_is_tried() -> None:
    assert len(PDFS) == 10


@pytest.mark.parametrize("name", PDFS)
def test_a_pdf_is_refused_when_it_takes_a_password_to_open(tmp_path: Path, name: str) -> None:
    (told,) = told_of(tmp_path, (LOCKS / name).read_bytes())

    expected = ("FORMAT_PROTECTED", Severity.WARNING) if "opens" in name else ("FORMAT_ENCRYPTED", Severity.ERROR)
    assert (told.code, told.severity) == expected


@pytest.mark.parametrize("name", [name for name in PDFS if "secret" in name])
def test_a_locked_pdf_is_found_in_an_archive_and_when_it_is_large(tmp_path: Path, name: str) -> None:
    content = (LOCKS / name).read_bytes()
    large = ends_of(content[:20] + b"% " + b"x" * 20 * MIB + content[20:])

    assert encrypted_kinds(tmp_path, a_zip(("a.pdf", content))) == ["PDF"]
    assert encrypted_kinds(tmp_path, large, whole=False) == ["PDF"]


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (b"/Filter /Standard", b"/Filter /Adobe.PubSec", "FORMAT_ENCRYPTED"),
        (b"/U <", b"/X <", "FORMAT_PROTECTED"),
        (b"/R 3", b"/R 9", "FORMAT_PROTECTED"),
        (b"/P ", b"/X ", "FORMAT_PROTECTED"),
        (b"/ID [", b"/IX [", "FORMAT_PROTECTED"),
        (b"/Length 128", b"/Length 999", "FORMAT_PROTECTED"),
        (b"5 0 obj", b"7 0 obj", "FORMAT_PROTECTED"),
        (b"/Encrypt", b"/Encrypted", None),
    ],
)
def test_of_a_pdf_that_cannot_be_tried_no_more_is_said_than_is_known(
    tmp_path: Path, before: bytes, after: bytes, code: str | None
) -> None:
    content = (LOCKS / "RC4-128-secret.pdf").read_bytes()
    assert before in content

    assert [each.code for each in told_of(tmp_path, content.replace(before, after))] == ([code] if code else [])


def test_a_pdf_whose_pages_are_in_the_clear_is_not_refused_for_its_attachments(tmp_path: Path) -> None:
    content = (LOCKS / "AES-128-secret.pdf").read_bytes().replace(b"/StmF /StdCF", b"/StmF /Identity")

    assert [each.code for each in told_of(tmp_path, content)] == ["FORMAT_PROTECTED"]


def test_an_update_of_a_pdf_replaces_its_encryption(tmp_path: Path) -> None:
    first = (LOCKS / "AES-256-opens.pdf").read_bytes()
    second = (LOCKS / "AES-256-secret.pdf").read_bytes()

    assert encrypted_kinds(tmp_path, first + second) == ["PDF"]
    assert encrypted_kinds(tmp_path, second + first) == []


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (rb"(a\(b\)c)", b"a(b)c"),
        (rb"(a(b)c)", b"a(b)c"),
        (rb"(\101\7\\\n\q)", b"A\x07\\\nq"),
        (b"(a\\\r\nb\r\nc)", b"ab\nc"),
        (b"<41 4>", b"A@"),
        (b"<>", b""),
        (b"(a", None),
        (b"<4g>", None),
        (b"/Name", None),
    ],
)
def test_strings_of_a_pdf_are_read_however_they_are_written(written: bytes, value: bytes | None) -> None:
    assert read_string(written, 0) == value


def test_a_dictionary_of_a_pdf_is_read_one_level_deep() -> None:
    text = b"<< /A 1 /B<</A 2/C(>>)>> %>>\n /C[/A 3] /D (x>>) /E/F /G 7 0 R /H true /A 9 >> /I 1"

    assert read_dictionary(text, 0) == {"A": 1, "D": b"x>>", "E": "F", "G": 7, "H": "true"}


@pytest.mark.parametrize(
    ("content", "is_encrypted"),
    [
        (a_doc(encrypted=True), True),
        (a_doc(encrypted=False), False),
        (a_doc(encrypted=True, size=3000), True),
        (an_xls(encrypted=True), True),
        (an_xls(encrypted=True, stream="Book", size=600), True),
        (an_xls(encrypted=False), False),
        (a_ppt(encrypted=True), True),
        (a_ppt(encrypted=False), False),
        (an_ole2({"EncryptedPackage": b"x" * 6000, "EncryptionInfo": b"y"}), True),
        (an_ole2({"PowerPoint Document": b"x", "EncryptedSummary": b"y"}), True),
        # A document that speaks of encryption is not encrypted.
        (an_ole2({"WordDocument": "EncryptedPackage".encode("utf-16-le") * 500}), False),
        (OLE2 + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600), True),
    ],
)
def test_old_documents_of_office_tell_of_their_password(
    tmp_path: Path, content: bytes, *, is_encrypted: bool
) -> None:
    assert encrypted_kinds(tmp_path, content) == (["Office"] if is_encrypted else [])
    assert encrypted_kinds(tmp_path, a_zip(("a.doc", content))) == (["Office"] if is_encrypted else [])


SALT = bytes(range(16))
# What other software than ours (msoffcrypto-tool 5) seals a verifier and its hash with, by Excel's own password.
BY_RC4 = bytes.fromhex("01fd4e05dc6e0e72fcc4b72175686883ded643a3b989170bc6e163b5debaf714")
BY_40_BITS = bytes.fromhex("c872728f14b55d849b7dde3f7cfd96a7d5e6c96d597b070d79bf31b1599eddf2ece8d44b")
BY_128_BITS = bytes.fromhex("a024a295d910dcd16b2b69c9dfef191974a70eb0e7278136e857318b9e9a13d19115d50b")
BY_XOR = struct.pack("<HH", 0x1234, 0x9A0A)


def rc4_file_pass(sealed: bytes) -> bytes:
    return struct.pack("<HHH", 1, 1, 1) + SALT + sealed


def crypto_api_file_pass(sealed: bytes, bits: int) -> bytes:
    header = struct.pack("<IIIIIIII", 4, 0, 0x6801, 0x8004, bits, 1, 0, 0) + "RSA\0".encode("utf-16-le")
    verifier = struct.pack("<I", 16) + SALT + sealed[:16] + struct.pack("<I", 20) + sealed[16:]
    return struct.pack("<HHHII", 1, 2, 2, 4, len(header)) + header + verifier


OPEN = {
    "RC4": rc4_file_pass(BY_RC4),
    "40 bits": crypto_api_file_pass(BY_40_BITS, 40),
    "40 bits, by default": crypto_api_file_pass(BY_40_BITS, 0),
    "128 bits": crypto_api_file_pass(BY_128_BITS, 128),
    "XOR": struct.pack("<H", 0) + BY_XOR,
    "before Excel 97": BY_XOR,
}


@pytest.mark.parametrize("how", OPEN)
def test_a_workbook_whose_structure_alone_is_protected_is_not_refused(tmp_path: Path, how: str) -> None:
    (told,) = told_of(tmp_path, an_xls(encrypted=True, file_pass=OPEN[how]))

    assert (told.code, told.severity) == ("FORMAT_PROTECTED", Severity.WARNING)


@pytest.mark.parametrize("how", OPEN)
def test_a_workbook_that_needs_another_password_or_is_cut_is_refused(tmp_path: Path, how: str) -> None:
    right = OPEN[how]

    assert encrypted_kinds(tmp_path, an_xls(encrypted=True, file_pass=right[:-1] + bytes([right[-1] ^ 1]))) == [
        "Office"
    ]
    for length in range(len(right)):
        assert encrypted_kinds(tmp_path, an_xls(encrypted=True, file_pass=right[:length])) == ["Office"]


def test_the_streams_of_an_ole2_file_are_read_as_they_are(tmp_path: Path) -> None:
    small, large = bytes(range(256)) * 3, bytes(range(251)) * 40
    path = tmp_path / "file"
    path.write_bytes(an_ole2({"small": small, "large": large, "empty": b""}))

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        ole2 = Ole2(content)
        assert "small" in ole2
        assert "other" not in ole2
        assert [ole2.beginning(name, 4000) for name in ("small", "large", "empty", "other")] == [
            small,
            large[:4000],
            b"",
            b"",
        ]


@pytest.mark.parametrize(
    ("content", "kind", "is_encrypted"),
    [
        ((LOCKS / "open.7z").read_bytes(), "7z", False),
        ((LOCKS / "files.7z").read_bytes(), "7z", True),
        ((LOCKS / "names.7z").read_bytes(), "7z", True),
        (a_rar4(), "RAR", False),
        (a_rar4(files=True), "RAR", True),
        (a_rar4(names=True), "RAR", True),
        (a_rar5(), "RAR", False),
        (a_rar5(files=True), "RAR", True),
        (a_rar5(names=True), "RAR", True),
    ],
)
def test_archives_that_are_not_opened_tell_of_their_password(
    tmp_path: Path, content: bytes, kind: str, *, is_encrypted: bool
) -> None:
    found = told_of(tmp_path, content)

    codes = ["FORMAT_ARCHIVE", "FORMAT_ARCHIVE_UNSEEN", *(["FORMAT_ENCRYPTED"] if is_encrypted else [])]
    assert [(each.code, each.params["kind"]) for each in found] == [(code, kind) for code in codes]


@pytest.mark.parametrize("name", ["files", "names"])
def test_a_large_7z_tells_of_its_password_by_its_ends(tmp_path: Path, name: str) -> None:
    content = (LOCKS / f"{name}.7z").read_bytes()
    offset = int.from_bytes(content[12:20], "little") + 20 * MIB
    packed_at = 32 + int.from_bytes(content[12:20], "little") + 2
    # The position of the packed header is a number of one byte, 0x20 or 0x30: written here as one of five.
    position = content[packed_at] + 20 * MIB
    header = content[packed_at - 2 : packed_at] + b"\xf0" + position.to_bytes(4, "little") + content[packed_at + 1 :]
    start = content[:12] + offset.to_bytes(8, "little") + len(header).to_bytes(8, "little") + content[28:32]
    large = ends_of(start + bytes(20 * MIB) + content[32 : packed_at - 2] + header)

    assert encrypted_kinds(tmp_path, large, whole=False) == ["7z"]


def test_a_rar_is_read_as_far_as_it_is_there(tmp_path: Path) -> None:
    content = a_rar4(files=True, first=20 * MIB)

    assert encrypted_kinds(tmp_path, content) == ["RAR"]
    assert encrypted_kinds(tmp_path, ends_of(content), whole=False) == []
    assert encrypted_kinds(tmp_path, ends_of(a_rar4(names=True, first=20 * MIB)), whole=False) == ["RAR"]


SEEDS = (
    *((LOCKS / name).read_bytes() for name in ("AES-256-secret.pdf", "RC4-40-opens.pdf", "files.7z", "names.7z")),
    a_doc(encrypted=False),
    an_xls(encrypted=False),
    a_ppt(encrypted=False),
    a_rar4(),
    a_rar5(),
    a_zip(("a.pdf", (LOCKS / "AES-128-opens.pdf").read_bytes()), ("b.zip", a_zip(("c", b"x")))),
)
MAGICS = (
    b"%PDF-1.7 /Encrypt ",
    OLE2,
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07\0",
    b"Rar!\x1a\x07\x01\0",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"BZh9",
    b"\xfd7zXZ\0",
)
FUZZED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZED
@given(magic=st.sampled_from(MAGICS), tail=st.binary(max_size=2000), whole=st.booleans())
def test_no_bytes_behind_a_beginning_make_the_search_fail(
    tmp_path: Path, magic: bytes, tail: bytes, *, whole: bool
) -> None:
    started = time.monotonic()
    told_of(tmp_path, magic + tail, whole=whole)

    assert time.monotonic() - started < 5


@FUZZED
@given(
    seed=st.sampled_from(SEEDS),
    bent=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12),
    kept=st.floats(0.05, 1),
    whole=st.booleans(),
)
def test_no_bent_or_cut_file_makes_the_search_fail(
    tmp_path: Path, seed: bytes, bent: list[tuple[float, int]], kept: float, *, whole: bool
) -> None:
    content = bytearray(seed)
    for place, value in bent:
        content[int(place * len(content))] = value
    started = time.monotonic()
    told_of(tmp_path, bytes(content[: max(1, int(len(content) * kept))]), whole=whole)

    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "content",
    [
        # Eight million records of two bytes in one header.
        b"Rar!\x1a\x07\x01\0" + bytes(4) + b"\xff\xff\xff\x07\x02\x03\xff\xff\xff\x07\0" + b"\x01\x05" * 8 * MIB,
        b"Rar!\x1a\x07\0" + b"\0\0\x74\0\0\x07\0" * 2 * MIB,
        b"%PDF-1.7 " + b"/Encrypt 5 0 R " * MIB,
        b"%PDF-1.7 /Encrypt 5 0 R" + (b"5 0 " + b" " * 60) * 200_000,
        b"%PDF-1.7 /Encrypt<</O " + b"(" * 16 * MIB,
    ],
    ids=["records", "blocks", "trailers", "objects", "parentheses"],
)
def test_what_is_made_to_be_slow_is_not(tmp_path: Path, content: bytes) -> None:
    started = time.monotonic()
    told_of(tmp_path, content)

    assert time.monotonic() - started < 5
