"""A package is read as whoever restores it would: every byte that METS and catalogue speak of counts."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from services.storage.domain.packages import Fault
from services.storage.pipeline.package_check import MOST_FAULTS, check_package, told
from shared.checksums import Measure, sha512_of

GOLDEN = Path(__file__).parents[2] / "golden" / "aip" / "v1" / "aip.tar"
ROOT = "01890a5d-ac96-774b-bcce-b302099a8057"
BUDGET = "representations/original/data/Content/budget.xml"
PREMIS = "metadata/preservation/premis.xml"
CATALOGUE = "metadata/descriptive/catalogue.ndjson"

Members = dict[str, bytes]


def golden() -> Members:
    with tarfile.open(GOLDEN) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def packed(members: Members) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def faults_of(package: bytes) -> set[Fault]:
    return set(check_package(io.BytesIO(package), ROOT).faults)


def test_a_whole_package_has_no_fault_and_is_measured() -> None:
    data = GOLDEN.read_bytes()

    found = check_package(io.BytesIO(data), ROOT)

    assert (found.measure, found.members, found.faults) == (Measure(sha512_of(data), len(data)), 8, ())
    assert found.bytes == sum(len(content) for name, content in golden().items() if not name.endswith("METS.xml"))


@pytest.mark.parametrize("member", [PREMIS, CATALOGUE, "submission/manifest.xml", BUDGET])
def test_a_flipped_bit_is_a_fault_of_its_member(member: str) -> None:
    members = golden()
    content = bytearray(members[f"{ROOT}/{member}"])
    content[-2] ^= 1

    assert Fault(member, "bytes") in faults_of(packed({**members, f"{ROOT}/{member}": bytes(content)}))


def without(name: str) -> Callable[[Members], Members]:
    return lambda members: {key: value for key, value in members.items() if key != f"{ROOT}/{name}"}


def with_one_more(name: str) -> Callable[[Members], Members]:
    return lambda members: {**members, name: b"?"}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (without(BUDGET), Fault(BUDGET, "missing")),
        (without("METS.xml"), Fault(PREMIS, "unknown")),
        (with_one_more(f"{ROOT}/notes.txt"), Fault("notes.txt", "unknown")),
        (with_one_more("elsewhere/notes.txt"), Fault("elsewhere/notes.txt", "unknown")),
    ],
    ids=["missing", "no-mets", "one-more", "outside"],
)
def test_a_member_too_few_or_too_many_is_a_fault(change: Callable[[Members], Members], fault: Fault) -> None:
    assert fault in faults_of(packed(change(golden())))


def test_a_file_that_is_not_where_the_catalogue_says_is_a_fault() -> None:
    members = golden()
    moved = {**without(BUDGET)(members), f"{ROOT}/{BUDGET}": members[f"{ROOT}/{BUDGET}"]}

    assert Fault(BUDGET, "place") in faults_of(packed(moved))


@pytest.mark.parametrize("length", [0, 100, 20_000, 37_000])
def test_what_is_cut_is_a_fault_wherever_it_is_cut(length: int) -> None:
    found = check_package(io.BytesIO(GOLDEN.read_bytes()[:length]), ROOT)

    assert found.measure.size == length
    assert found.faults or length >= 37_000  # the very end is zeros that nobody needs: the digest tells


def test_a_document_type_in_mets_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    attack = f'<!DOCTYPE mets [<!ENTITY x SYSTEM "{tmp_path / "secret"}">]><mets xmlns="http://www.loc.gov/METS/">&x;'

    found = faults_of(packed({**golden(), f"{ROOT}/METS.xml": attack.encode()}))

    assert Fault("METS.xml", "unreadable") in found


def test_however_much_is_wrong_the_list_has_an_end() -> None:
    many = {f"{ROOT}/junk-{number}": b"?" for number in range(3 * MOST_FAULTS)}

    assert len(faults_of(packed(many))) == MOST_FAULTS


def test_what_is_kept_of_a_fault_names_only_what_the_archive_made() -> None:
    members = {name: content for name, content in golden().items() if not name.endswith((BUDGET, PREMIS))}
    members["ailleurs/secret.txt"] = b"x"

    kept = sorted(map(told, faults_of(packed(members))))

    number = len(golden()) - 2
    assert [one for one in kept if "secret" in one or "budget" in one] == []
    assert "missing: metadata/preservation/premis.xml" in kept
    assert "unknown: a file that METS does not name" in kept
    assert any(one.startswith("missing: file ") and 0 < int(one.rpartition(" ")[2]) <= number + 1 for one in kept)
