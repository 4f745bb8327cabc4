"""The SIPs of the bench."""

import zipfile
from pathlib import Path

from bench.baseline import digest_of
from bench.workloads import (
    KIB,
    MIB,
    Series,
    Stock,
    large_file,
    large_sip,
    many_files,
    many_sip,
    small_sip,
    units_sip,
)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    once = small_sip(Series("small", 1), 7, tmp_path / "a.zip")
    again = small_sip(Series("small", 1), 7, tmp_path / "b.zip")
    another_seed = small_sip(Series("small", 2), 7, tmp_path / "c.zip")
    another_number = small_sip(Series("small", 1), 8, tmp_path / "d.zip")

    assert digest_of(once) == digest_of(again)
    assert len({digest_of(sip) for sip in (once, another_seed, another_number)}) == 3


def test_a_small_sip_has_about_the_size_asked_for(tmp_path: Path) -> None:
    for size in (64 * KIB, 256 * KIB):
        sip = small_sip(Series("small", 1), 1, tmp_path / f"{size}.zip", size)
        assert 0.95 * size < sip.stat().st_size < 1.05 * size


def test_a_sip_from_stock_is_the_one_that_would_be_made(tmp_path: Path) -> None:
    def make(number: int, folder: Path) -> Path:
        return small_sip(Series("small", 1), number, folder / "sip.zip")

    stock = Stock(make, 2, tmp_path / "stock")

    for number in (1, 0, 2):
        lane = tmp_path / f"lane-{number}"
        lane.mkdir()
        taken = stock.take(number, lane)
        assert taken.parent == lane
        assert digest_of(taken) == digest_of(small_sip(Series("small", 1), number, tmp_path / f"{number}.zip"))


def test_two_small_sips_never_share_their_message_identifier(tmp_path: Path) -> None:
    manifests = set()
    for name, number in (("small", 1), ("small", 2), ("half", 1)):
        sip = small_sip(Series(name, 1), number, tmp_path / "sip.zip")
        with zipfile.ZipFile(sip) as package:
            manifests.add(package.read("manifest.xml").split(b"<MessageIdentifier>")[1].split(b"<")[0])
    assert len(manifests) == 3


def test_the_sip_of_many_files_holds_every_one_of_them(tmp_path: Path) -> None:
    files = many_files(Series("many", 1), 250, 4 * KIB, tmp_path)
    sip = many_sip(Series("many", 1), files, tmp_path / "many.zip")

    assert {file.stat().st_size for file in files} == {4 * KIB}
    with zipfile.ZipFile(sip) as package:
        content = [entry for entry in package.infolist() if entry.filename.startswith("Content/")]
        assert len(content) == 250
        assert package.read(content[41]) == files[41].read_bytes()


def test_the_sip_of_many_units_has_so_many_and_files_for_some(tmp_path: Path) -> None:
    files = many_files(Series("units", 1), 30, KIB, tmp_path)
    sip = units_sip(Series("units", 1), 300, files, tmp_path / "units.zip")

    with zipfile.ZipFile(sip) as package:
        manifest = package.read("manifest.xml")
        content = [entry for entry in package.infolist() if entry.filename.startswith("Content/")]
    assert (manifest.count(b"<ArchiveUnit "), len(content)) == (300, 30)
    assert manifest.count(b"<DataObjectReference>") == 30


def test_the_large_file_is_stored_in_its_sip_not_deflated(tmp_path: Path) -> None:
    size = 3 * MIB + 17
    file = large_file(Series("large", 1), size, tmp_path / "large.bin")
    sip = large_sip(Series("large", 1), file, tmp_path / "large.zip")

    with zipfile.ZipFile(sip) as package:
        (entry,) = (found for found in package.infolist() if found.filename.startswith("Content/"))
        assert (entry.compress_type, entry.compress_size, entry.file_size) == (zipfile.ZIP_STORED, size, size)
