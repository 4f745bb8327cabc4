"""Archives in archives, of every kind that is opened: counted, searched, and within bounds."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from services.ingest.domain.limits import MIB
from services.ingest.pipeline.inside import look_inside
from services.ingest.pipeline.specimen import HEAD, TAIL
from tests.builders.locked_files import a_doc

LOCKED = a_doc(encrypted=True)


def a_zip(*contents: bytes, names: str = "{}.bin", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as package:
        for number, content in enumerate(contents):
            package.writestr(names.format(number), content)
    return out.getvalue()


def a_tar(*contents: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for number, content in enumerate(contents):
            member = tarfile.TarInfo(f"{number}.bin")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def a_document(*contents: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("mimetype", "application/x")
        for number, content in enumerate(contents):
            package.writestr(f"{number}.bin", content)
    return out.getvalue()


def with_encrypted_entries(package: bytes) -> bytes:
    """Say of all entries of a ZIP, in its directory, that they are encrypted."""
    content, position = bytearray(package), 0
    while (position := content.find(b"PK\x01\x02", position + 1)) >= 0:
        content[position + 8] |= 1
    return bytes(content)


def told_of(folder: Path, content: bytes, most: int = 3, *, whole: bool = True) -> list[tuple[str, str | None]]:
    path = folder / "specimen"
    path.write_bytes(content)
    found = look_inside(path, "file", most, whole=whole)
    assert list(folder.iterdir()) == [path]
    return [(each.code, each.params.get("kind")) for each in found]


LAYERS = pytest.mark.parametrize(
    ("wrap", "kind"),
    [
        (a_zip, "ZIP"),
        (a_tar, "TAR"),
        (gzip.compress, "gzip"),
        (bz2.compress, "bzip2"),
        (lzma.compress, "xz"),
        (lambda content: gzip.compress(a_tar(content)), "gzip"),
        (lambda content: bz2.compress(a_tar(content)), "bzip2"),
        (lambda content: lzma.compress(a_tar(content)), "xz"),
    ],
)


@LAYERS
def test_each_kind_of_archive_is_one_level(tmp_path: Path, wrap: Callable[[bytes], bytes], kind: str) -> None:
    three = wrap(a_zip(a_tar(b"x" * 100)))

    assert told_of(tmp_path, three, most=3) == [("FORMAT_ARCHIVE", kind)]
    assert told_of(tmp_path, three, most=2) == [("FORMAT_ARCHIVE", kind), ("FORMAT_ARCHIVE_TOO_DEEP", None)]


@LAYERS
def test_each_kind_of_archive_is_counted_within_another(
    tmp_path: Path, wrap: Callable[[bytes], bytes], kind: str
) -> None:
    assert kind
    two = a_zip(wrap(b"x" * 100))

    assert told_of(tmp_path, two, most=2) == [("FORMAT_ARCHIVE", "ZIP")]
    assert told_of(tmp_path, two, most=1) == [("FORMAT_ARCHIVE", "ZIP"), ("FORMAT_ARCHIVE_TOO_DEEP", None)]


@LAYERS
def test_what_is_encrypted_is_found_through_every_kind(
    tmp_path: Path, wrap: Callable[[bytes], bytes], kind: str
) -> None:
    assert told_of(tmp_path, wrap(LOCKED)) == [("FORMAT_ARCHIVE", kind), ("FORMAT_ENCRYPTED", "Office")]
    assert told_of(tmp_path, a_tar(b"x", wrap(LOCKED))) == [("FORMAT_ARCHIVE", "TAR"), ("FORMAT_ENCRYPTED", "Office")]


def test_members_of_one_gzip_are_one_file(tmp_path: Path) -> None:
    tar = a_tar(LOCKED)

    found = told_of(tmp_path, gzip.compress(tar[:700]) + gzip.compress(tar[700:]))

    assert found == [("FORMAT_ARCHIVE", "gzip"), ("FORMAT_ENCRYPTED", "Office")]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_what_is_damaged_is_told_of_and_no_more(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    whole = compress(a_tar(LOCKED))

    assert [code for code, _ in told_of(tmp_path, whole[: len(whole) // 2])] == ["FORMAT_ARCHIVE"]


def test_a_damaged_file_of_an_archive_does_not_hide_the_next(tmp_path: Path) -> None:
    bent = bytearray(a_zip(b"%PDF-" + b"abc" * 100, LOCKED, method=zipfile.ZIP_STORED))
    bent[bent.index(b"abcabc")] = 0

    assert told_of(tmp_path, bytes(bent)) == [("FORMAT_ARCHIVE", "ZIP"), ("FORMAT_ENCRYPTED", "Office")]


@pytest.mark.parametrize(
    "compress", [partial(gzip.compress, compresslevel=1), bz2.compress, partial(lzma.compress, preset=0)]
)
def test_a_bomb_is_put_out_within_its_budget(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    bomb = compress(bytes(257 * MIB))
    started = time.monotonic()
    tracemalloc.start()
    found = told_of(tmp_path, bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert [code for code, _ in found] == ["FORMAT_ARCHIVE", "FORMAT_ARCHIVE_UNSEEN"]
    assert peak < 100 * MIB
    assert time.monotonic() - started < 30


def test_bombs_within_an_archive_share_one_budget(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(60 * MIB))

    found = told_of(tmp_path, a_tar(*[bomb] * 6))

    assert found == [("FORMAT_ARCHIVE", "TAR"), ("FORMAT_ARCHIVE_UNSEEN", "gzip")]


def test_an_archive_that_is_too_large_within_another_is_not_opened(tmp_path: Path) -> None:
    inner = a_tar(bytes(65 * MIB), LOCKED)

    assert told_of(tmp_path, a_zip(inner)) == [("FORMAT_ARCHIVE", "ZIP"), ("FORMAT_ARCHIVE_UNSEEN", "TAR")]


def test_files_of_an_archive_are_looked_at_up_to_a_number(tmp_path: Path) -> None:
    many = a_zip(*[b"x"] * 20_001, method=zipfile.ZIP_STORED)

    found = told_of(tmp_path, many)

    assert told_of(tmp_path, a_zip(*[b"x"] * 100)) == [("FORMAT_ARCHIVE", "ZIP")]
    assert found == [("FORMAT_ARCHIVE", "ZIP"), ("FORMAT_ARCHIVE_UNSEEN", "ZIP")]
    assert told_of(tmp_path, a_tar(*[b"x"] * 20_001)) == [("FORMAT_ARCHIVE", "TAR"), ("FORMAT_ARCHIVE_UNSEEN", "TAR")]


def test_an_xz_that_asks_for_too_much_memory_is_not_opened(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 512 * MIB}]
    greedy = lzma.compress(a_tar(LOCKED), filters=filters)

    assert told_of(tmp_path, greedy) == [("FORMAT_ARCHIVE", "xz")]


def test_documents_in_documents_end_too(tmp_path: Path) -> None:
    content = a_document(b"x")
    for _ in range(600):
        content = a_document(content)

    assert told_of(tmp_path, content) == []


def test_a_document_is_looked_into_and_is_no_archive(tmp_path: Path) -> None:
    assert told_of(tmp_path, a_document(LOCKED)) == [("FORMAT_ENCRYPTED", "Office")]
    assert told_of(tmp_path, a_document(a_zip(b"x"))) == []


LARGE = bytes(HEAD + 2 * TAIL)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (a_zip(LARGE, method=zipfile.ZIP_STORED), ["FORMAT_ARCHIVE", "FORMAT_ARCHIVE_UNSEEN"]),
        (
            with_encrypted_entries(a_zip(LARGE, b"x", method=zipfile.ZIP_STORED)),
            ["FORMAT_ENCRYPTED", "FORMAT_ARCHIVE", "FORMAT_ARCHIVE_UNSEEN"],
        ),
        (a_document(LARGE), []),
        (with_encrypted_entries(a_document(LARGE)), ["FORMAT_ENCRYPTED"]),
        # A directory larger than the end of the file that is kept.
        (
            a_zip(LARGE, *[b""] * 10_000, names="{:0100}", method=zipfile.ZIP_STORED),
            ["FORMAT_ARCHIVE", "FORMAT_ARCHIVE_UNSEEN"],
        ),
        (a_tar(LARGE), ["FORMAT_ARCHIVE", "FORMAT_ARCHIVE_UNSEEN"]),
        (b"\x1f\x8b" + LARGE, ["FORMAT_ARCHIVE", "FORMAT_ARCHIVE_UNSEEN"]),
    ],
)
def test_of_a_large_file_its_two_ends_tell_what_they_can(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    ends = content[:HEAD] + content[-TAIL:]

    assert [code for code, _ in told_of(tmp_path, ends, whole=False)] == expected


def test_the_directory_of_a_zip64_is_read_at_its_end(tmp_path: Path) -> None:
    content = with_encrypted_entries(a_zip(LARGE, method=zipfile.ZIP_STORED))
    end = content.rindex(b"PK\x05\x06")
    length, offset = struct.unpack_from("<II", content, end + 12)
    large = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, length, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    content = content[:end] + large + locator + last

    found = told_of(tmp_path, content[:HEAD] + content[-TAIL:], whole=False)

    assert ("FORMAT_ENCRYPTED", "ZIP") in found
