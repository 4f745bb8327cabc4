"""The head of an AIP: where its catalogue lies, from a few ranges; whatever is no AIP says so."""

import tarfile
from io import BytesIO

import pytest

from services.storage.pipeline import package_head
from services.storage.pipeline.package_head import Head, UnreadablePackage, read_head
from tests.builders.aips import AIP_ID, a_checked_transfer

ROOT = str(AIP_ID)


def head_of(content: bytes, ranges: list[tuple[int, int]] | None = None) -> Head:
    """Read a head as whoever has the bytes would."""
    reading = read_head(ROOT, len(content))
    wanted = next(reading)
    while True:
        if ranges is not None:
            ranges.append(wanted)
        offset, length = wanted
        try:
            wanted = reading.send(content[offset : offset + length])
        except StopIteration as done:
            head: Head = done.value
            return head


def test_the_catalogue_is_where_its_builder_put_it() -> None:
    content, summary = a_checked_transfer().build()

    head = head_of(content)

    found = (head.catalogue.offset, head.catalogue.length, head.catalogue.sha512)
    assert found == (summary.catalogue_offset, summary.catalogue_length, summary.catalogue_sha512)
    offset, length = head.premis
    assert b"SIP of 12345 bytes, SHA-512 abab" in content[offset : offset + length]


def test_of_an_aip_of_many_files_only_headers_and_the_beginning_of_mets_are_read() -> None:
    content, _ = a_checked_transfer({f"Content/{number}.txt": b"x" for number in range(400)}).build()
    ranges: list[tuple[int, int]] = []

    head_of(content, ranges)

    assert sum(length for _, length in ranges) <= package_head.METS_BYTES + 10 * package_head.BLOCK


@pytest.mark.parametrize("kept", [0, 100, 512, 5_000])
def test_one_that_was_cut_is_unreadable(kept: int) -> None:
    content, _ = a_checked_transfer().build()

    with pytest.raises(UnreadablePackage):
        head_of(content[:kept])


def test_another_tar_is_unreadable() -> None:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for number in range(30):
            member = tarfile.TarInfo(f"{ROOT}/{'é' * 200}{number}")
            member.size = 3
            tar.addfile(member, BytesIO(b"abc"))

    with pytest.raises(UnreadablePackage, match="does not begin with"):
        head_of(out.getvalue())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"catalogue.ndjson", b"catalogue.ndjsoN", "METS.xml names no catalogue"),
        (b"<mets ", b"<mets<", "METS.xml cannot be read"),
    ],
)
def test_a_mets_that_does_not_name_it_is_unreadable(old: bytes, new: bytes, said: str) -> None:
    content, _ = a_checked_transfer().build()
    begins = content.index(b"<?xml")

    with pytest.raises(UnreadablePackage, match=said):
        head_of(content[:begins] + content[begins:].replace(old, new, 1))


@pytest.mark.parametrize("body", [b"x path=a\n", b"0 path=a\n", b"99 \xff=\xff\n"])
def test_a_pax_header_that_cannot_be_read_is_unreadable(body: bytes) -> None:
    header = tarfile.TarInfo("PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, len(body)
    content = header.tobuf(tarfile.USTAR_FORMAT) + body.ljust(512, b"\0") + bytes(2048)

    with pytest.raises(UnreadablePackage):
        head_of(content)
