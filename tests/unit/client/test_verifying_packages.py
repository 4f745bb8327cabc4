"""Packages: an AIP with its receipt, its record and its seal; a DIP; and packages made to harm."""

import gzip
import hashlib
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.builders.proofs import Packed, Seal, Sealing, receipt, receipt_payload, sha512
from tests.unit.client.proof_files import (
    Desk,
    assert_indeterminate,
    assert_invalid,
    assert_valid,
    reasons,
    well,
)

RELEASES = Path(__file__).parents[2] / "golden" / "aip" / "releases" / "0.1.0"
AIP = (RELEASES / "signed.tar").read_bytes()
IDENTIFIER = json.loads((RELEASES / "signed.json").read_bytes())["aip_id"]
OTHER = (RELEASES / "seda-2.2.tar").read_bytes()


def files_of(package: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(package)) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar if info.isreg()}  # type: ignore[union-attr]


def packed_again(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def packed(package: bytes, identifier: str = IDENTIFIER, version: int = 1) -> Packed:
    return Packed(identifier, tuple(map(sha512, files_of(package).values())), version)


SEALED = Seal(Sealing(packages=(packed(AIP),)))
RECEIPT = receipt(receipt_payload(packed(AIP), AIP))
RECORD = SEALED.record_of_package().der


def changed(part: str, content: bytes) -> bytes:
    return packed_again({name: content if name.endswith(part) else each for name, each in files_of(AIP).items()})


def with_mets(change: re.Pattern[bytes] | bytes, new: bytes, files: Mapping[str, bytes] | None = None) -> bytes:
    contents = dict(files or files_of(AIP))
    name = f"{IDENTIFIER}/METS.xml"
    pattern = change if isinstance(change, re.Pattern) else re.compile(re.escape(change))
    contents[name], count = pattern.subn(new, contents[name])
    assert count
    return packed_again(contents)


def test_a_package_with_its_receipt_record_and_seal_is_valid(desk: Desk) -> None:
    report = desk.verify({"a.tar": AIP, "r.jws": RECEIPT, "e.der": RECORD, "s.tar": SEALED.tar})

    assert_valid(report)
    assert {"package.files", "package.group", "package.sealed", "receipt.group", "record.group_complete"} <= well(
        report
    )


@pytest.mark.parametrize("proof", [{"r.jws": RECEIPT}, {"e.der": RECORD}, {"s.tar": SEALED.tar}])
def test_one_proof_is_enough(desk: Desk, proof: dict[str, bytes]) -> None:
    assert_valid(desk.verify({"a.tar": AIP, **proof}))


def test_a_package_alone_is_consistent_and_unproven(desk: Desk) -> None:
    report = desk.verify({"a.tar": AIP})

    assert_indeterminate(report, ("package.proof", "nothing_proves"))
    assert "package.files" in well(report)


def test_a_package_packed_anew_is_still_proven(desk: Desk) -> None:
    again = packed_again(dict(reversed(files_of(AIP).items())))

    report = desk.verify({"a.tar": again, "r.jws": RECEIPT, "e.der": RECORD})

    assert_valid(report)
    assert "repacked" in {remark.code for remark in report.remarks}


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        (changed("acte.pdf", b"%PDF-1.4 another"), "file_size"),
        (changed("README.txt", b"x" * 1115), "file_changed"),
        (packed_again({name: each for name, each in files_of(AIP).items() if "acte" not in name}), "file_missing"),
        (packed_again({**files_of(AIP), f"{IDENTIFIER}/more.txt": b"x"}), "file_unlisted"),
        (
            packed_again({name.replace(IDENTIFIER, "x"): each for name, each in files_of(AIP).items()}),
            "package_named",
        ),
        (AIP[:-1024] + AIP, "file_twice"),
        (with_mets(b'CHECKSUMTYPE="SHA-512"', b'CHECKSUMTYPE="SHA-1"'), "mets_fixity"),
        (with_mets(b"?>", b"?><!DOCTYPE mets>"), "doctype"),
        (with_mets(b"</mets>", b""), "mets_unreadable"),
        (with_mets(b"<metsHdr", b"<x>" * 100 + b"</x>" * 100 + b"<metsHdr"), "too_deep"),
    ],
)
def test_every_change_of_a_package_is_named(desk: Desk, package: bytes, reason: str) -> None:
    report = desk.verify({"a.tar": package, "r.jws": RECEIPT})

    assert_invalid(report, ("package.files", reason))


def test_a_package_that_was_swapped_is_not_what_was_sealed(desk: Desk) -> None:
    """Consistent in itself: METS was written anew with the digest of the file that was put in."""
    name = f"{IDENTIFIER}/representations/original/data/Content/acte.pdf"
    before = files_of(AIP)
    after = {**before, name: before[name].replace(b"%PDF", b"%pdf", 1)}
    old, new = (hashlib.sha512(each[name]).hexdigest().encode() for each in (before, after))
    swapped = with_mets(old, new, after)

    assert reasons(desk.verify({"a.tar": swapped})) == {("package.proof", "nothing_proves")}
    for proof, expected in (
        ({"r.jws": RECEIPT}, ("receipt.group", "differs")),
        ({"s.tar": SEALED.tar}, ("package.sealed", "differs")),
    ):
        assert_invalid(desk.verify({"a.tar": swapped, **proof}), expected)
    report = desk.verify({"a.tar": swapped}, {"given.der": RECORD})
    assert_invalid(report, ("record.group_complete", "not_in_group"))
    # Beside it, the record is one without its data.
    assert_indeterminate(desk.verify({"a.tar": swapped, "e.der": RECORD}), ("record.data", "no_data"))


def test_packages_that_share_files_keep_their_own_records(desk: Desk) -> None:
    """Every package of a release has the same README: it makes nobody's record that of another."""
    report = desk.verify({"a.tar": AIP, "b.tar": OTHER, "e.der": RECORD})

    assert_indeterminate(report, ("package.proof", "nothing_proves"))
    assert [check.target for check in report.unproven()] == ["b.tar"]


def second_version() -> bytes:
    """What is left when the signed act was eliminated and something else is kept."""
    files = {name: each for name, each in files_of(AIP).items() if not name.endswith("premis.xml")}
    premis = f"{IDENTIFIER}/metadata/preservation/premis.xml"
    old = files_of(AIP)[premis]
    files[premis] = old.replace(b"<premis", b"<premis ", 1)
    mets = files[f"{IDENTIFIER}/METS.xml"]
    mets = mets.replace(b"</metsHdr>", b'<altRecordID TYPE="AIP version">2</altRecordID></metsHdr>')
    mets = mets.replace(hashlib.sha512(old).hexdigest().encode(), hashlib.sha512(files[premis]).hexdigest().encode())
    files[f"{IDENTIFIER}/METS.xml"] = mets.replace(b'SIZE="%d"' % len(old), b'SIZE="%d"' % len(files[premis]))
    return packed_again(files)


def test_what_is_left_of_a_package_stays_proven_by_the_record_of_its_first_version(desk: Desk) -> None:
    report = desk.verify({"a.tar": second_version(), "e.der": RECORD})

    assert_indeterminate(report, ("record.group_partial", "not_in_group"))
    names = next(check.facts["names"] for check in report.unproven())
    assert names == "METS.xml, metadata/preservation/premis.xml"


def test_the_record_of_a_version_proves_it_whole(desk: Desk) -> None:
    second = second_version()
    seal = Seal(Sealing(packages=(packed(AIP), packed(second, version=2))))

    files = {"a.tar": second, "s.tar": seal.tar, "r.jws": RECEIPT, "e.der": seal.record_of_package(1).der}
    report = desk.verify({**files, "before.der": RECORD})

    assert_valid(report)
    assert {"record.group_complete", "record.group_partial"} <= well(report)
    assert "receipt_of_another_version" in {remark.code for remark in report.remarks}


# --- DIP


def a_dip(change: Mapping[str, bytes] | None = None) -> bytes:
    content = {
        f"content/{IDENTIFIER}/{name.partition('data/')[2]}": each
        for name, each in files_of(AIP).items()
        if "/data/" in name
    }
    order = {
        "format": "chartrier-dip",
        "version": 1,
        "dip": "01930000-0000-7000-8000-0000000000d1",
        "files": [
            {"name": name, "aip": IDENTIFIER, "size": len(each), "sha512": sha512(each).hex()}
            for name, each in content.items()
        ],
    }
    entries = {
        "LISEZMOI.txt": b"DIP",
        "metadata/units.json": b"[]",
        **content,
        "dip.json": json.dumps(order).encode(),
    }
    listed = "".join(f"{sha512(each).hex()}  {name}\n" for name, each in entries.items())
    return zipped({**entries, "manifest-sha512.txt": listed.encode(), **(change or {})})


def zipped(entries: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in entries.items():
            package.writestr(name, content)
    return out.getvalue()


def test_a_dip_is_proven_by_the_record_of_its_package(desk: Desk) -> None:
    report = desk.verify({"d.zip": a_dip(), "e.der": RECORD})

    assert_valid(report)
    assert "record.group_partial" in well(report)
    assert "group_partial" in {remark.code for remark in report.remarks}
    assert_indeterminate(desk.verify({"d.zip": a_dip()}), ("package.proof", "nothing_proves"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({f"content/{IDENTIFIER}/Content/acte.pdf": b"x"}, "file_changed"),
        ({f"content/{IDENTIFIER}/Content/more.pdf": b"x"}, "file_unlisted"),
        ({"metadata/units.json": b"[1]"}, "file_changed"),
        ({"dip.json": b"{}"}, "no_dip"),
        ({"dip.json": b"[" * 100_000}, "not_json"),
        ({"manifest-sha512.txt": b"\xff\xfe"}, "file_missing"),
    ],
)
def test_every_change_of_a_dip_is_named(desk: Desk, change: dict[str, bytes], reason: str) -> None:
    assert_invalid(desk.verify({"d.zip": a_dip(change), "e.der": RECORD}), ("package.files", reason))


# --- Packages made to harm


def test_nothing_is_unpacked_whatever_names_say(desk: Desk) -> None:
    hostile = {f"{IDENTIFIER}/../../escaped": b"x", "/tmp/escaped": b"x", f"{IDENTIFIER}\\x": b"x"}  # noqa: S108

    report = desk.verify(
        {"a.tar": packed_again({**files_of(AIP), **hostile}), "d.zip": zipped({"LISEZMOI.txt": b""})}
    )

    assert_invalid(report, ("package.files", "container"))
    assert not list(desk.folder.rglob("*escaped*"))


def test_links_and_devices_are_no_files(desk: Desk) -> None:
    out = io.BytesIO(AIP[:-1024])
    out.seek(0, io.SEEK_END)
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        link = tarfile.TarInfo(f"{IDENTIFIER}/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)

    assert_invalid(desk.verify({"a.tar": out.getvalue(), "r.jws": RECEIPT}), ("package.files", "container"))


def test_bombs_are_not_blown_up(desk: Desk) -> None:
    zeros = bytearray(zipped({"LISEZMOI.txt": b"", "content/x": bytes(1 << 20)}))
    size = zeros.rindex(b"PK\x01\x02") + 24
    zeros[size : size + 4] = (300 << 20).to_bytes(4, "little")
    inside = gzip.compress(AIP)
    header = tarfile.TarInfo("x")
    header.size = 1 << 40
    endless = AIP[:-1024] + header.tobuf(tarfile.GNU_FORMAT)

    report = desk.verify({"d.zip": bytes(zeros), "a.tar": endless, "x.gz": inside})

    assert_invalid(report, ("package.files", "container"))


def test_an_entity_bomb_is_no_mets(desk: Desk) -> None:
    laughs = b'<!DOCTYPE m [<!ENTITY a "ha">%s]><mets>&z;</mets>' % b"".join(
        b'<!ENTITY %c "%s">' % (c, b"&%c;" % (c - 1) * 10) for c in range(ord("b"), ord("{"))
    )

    report = desk.verify({"a.tar": packed_again({f"{IDENTIFIER}/METS.xml": laughs})})

    assert_invalid(report)


@pytest.mark.parametrize("cut", [512, 3000, len(AIP) // 2, len(AIP) - 2000])
def test_a_package_that_is_cut_is_not_valid(desk: Desk, cut: int) -> None:
    assert_invalid(desk.verify({"a.tar": AIP[:cut], "r.jws": RECEIPT}))
