"""What a package is made of: every file that METS names, and METS, however its bytes come in."""

import hashlib
import io
import tarfile

import pytest

from services.proof.domain.members import Members, UnreadablePackage, place_of_mets
from tests.builders.aips import AIP_ID, a_checked_transfer

ROOT = str(AIP_ID)


def an_aip(files: int = 2) -> bytes:
    return a_checked_transfer({f"Content/{n}.txt": b"%d" % n for n in range(files)}).build()[0]


def mets_of(aip: bytes) -> bytes:
    offset, length = place_of_mets(aip, ROOT)
    return aip[offset : offset + length]


def members_of(aip: bytes) -> list[bytes]:
    """Look at every file of a package, as somebody would who has it whole."""
    with tarfile.open(fileobj=io.BytesIO(aip)) as tar:
        contents = [tar.extractfile(member) for member in tar if member.isreg()]
        return sorted({hashlib.sha512(content.read()).digest() for content in contents if content})


def read(mets: bytes, at_once: int = 1 << 20) -> list[bytes]:
    members = Members()
    for start in range(0, len(mets), at_once):
        members.feed(mets[start : start + at_once])
    return members.end()


def test_a_group_is_every_file_of_the_package() -> None:
    aip = an_aip()

    assert read(mets_of(aip)) == members_of(aip)


@pytest.mark.parametrize("at_once", [1, 7, 4096])
def test_bytes_may_come_in_pieces_of_any_size(at_once: int) -> None:
    mets = mets_of(an_aip())

    assert read(mets, at_once) == read(mets)


def test_two_files_alike_are_one_member() -> None:
    aip = a_checked_transfer({"Content/a.txt": b"same", "Content/b.txt": b"same"}).build()[0]

    found = read(mets_of(aip))
    assert found == members_of(aip)
    assert len(found) == len(set(found))


@pytest.mark.parametrize(("kept", "root"), [(0, ROOT), (200, ROOT), (4096, "another")])
def test_of_a_head_that_is_none_no_place_is_told(kept: int, root: str) -> None:
    with pytest.raises(UnreadablePackage):
        place_of_mets(an_aip()[:kept], root)


def test_the_place_is_known_from_the_first_bytes_alone() -> None:
    aip = an_aip()

    assert place_of_mets(aip[:4096], ROOT) == place_of_mets(aip, ROOT)


def test_what_begins_with_another_file_is_no_package() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(f"{ROOT}/other.xml"))

    with pytest.raises(UnreadablePackage, match=r"METS\.xml"):
        place_of_mets(out.getvalue(), ROOT)


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        (b"</mets>", b""),
        (b'CHECKSUMTYPE="SHA-512"', b'CHECKSUMTYPE="SHA-256"'),
        (b'CHECKSUM="', b'OTHER="'),
        (b'CHECKSUM="', b'CHECKSUM="00'),
        (b'CHECKSUM="', b'CHECKSUM="z'),
        (b"<metsHdr", b"<metsHdr <"),
    ],
)
def test_a_mets_that_does_not_say_all_of_it_is_unreadable(what: bytes, instead: bytes) -> None:
    mets = mets_of(an_aip())
    assert what in mets

    with pytest.raises(UnreadablePackage, match=r"METS\.xml"):
        read(mets.replace(what, instead))
