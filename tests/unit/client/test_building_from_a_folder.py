"""What becomes of the oddities of real folders."""

import os
import socket
import tracemalloc
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from chartrier_client import DescriptionError, FolderPlan, build_from_folder, check_sip
from services.ingest.pipeline.schema import load_schema
from tests.unit.client.folders import a_folder, an_envelope, manifest_of, texts


def test_what_systems_and_programs_leave_is_left_out_and_told_of(tmp_path: Path) -> None:
    junk = [
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        "._a.txt",
        "__MACOSX/a.txt",
        "s/~$lettre.docx",
        "s/.~lock.a.odt#",
    ]
    folder = a_folder(tmp_path, "a.txt", ".htaccess", "s/b.txt", *junk)

    built = build_from_folder(folder, tmp_path / "sip.zip", an_envelope())

    assert texts(manifest_of(built.path), "Filename") == [".htaccess", "a.txt", "b.txt"]
    assert set(built.left_out) == {"__MACOSX" if name.startswith("__MACOSX") else name for name in junk}


def test_links_and_devices_are_all_refused_by_name(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "a.txt", "s/")
    (folder / "lien").symlink_to(folder / "a.txt")
    (folder / "s" / "ailleurs").symlink_to(tmp_path)
    os.mkfifo(folder / "tube")
    with socket.socket(socket.AF_UNIX) as odd:
        odd.bind(str(folder / "prise"))
        with pytest.raises(DescriptionError) as caught:
            build_from_folder(folder, tmp_path / "sip.zip", an_envelope())

    for name in ("lien", "s/ailleurs", "tube", "prise"):
        assert name in str(caught.value)
    assert not (tmp_path / "sip.zip").exists()


def test_names_of_every_kind_and_empty_things_make_a_valid_package(tmp_path: Path) -> None:
    names = [
        "vide.txt",
        "dossier vide/",
        "日本語/ß…😀.pdf",
        "a" * 200 + ".txt",
        " ",
        "deux\nlignes & <balises>.txt",
        "sonnerie\x07.txt",
        "-option",
        "x" * 90 + "/" + "y" * 90 + "/" + "z" * 90,
    ]
    folder = a_folder(tmp_path, *names)
    (folder / "vide.txt").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(folder) + b"/latin-\xe9.txt")).write_bytes(b"x")

    built = build_from_folder(folder, tmp_path / "sip.zip", an_envelope())

    load_schema("2.2").assertValid(manifest_of(built.path))
    assert check_sip(built.path).findings == ()
    titles = texts(manifest_of(built.path), "Title")
    assert {"日本語", "ß…😀.pdf", "Sans titre", "dossier vide", "sonnerie\ufffd.txt", "latin-\ufffd.txt"} <= set(
        titles
    )


def test_the_order_of_a_package_is_that_of_the_bytes_of_names(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "b.txt", "B.txt", "é.txt", "a/z.txt", "a.txt", "a/b/c.txt")

    for name in ("one.zip", "two.zip"):
        build_from_folder(folder, tmp_path / name, an_envelope())

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert texts(manifest_of(tmp_path / "one.zip"), "Title") == [
        "Dossier", "B.txt", "a", "b", "c.txt", "z.txt", "a.txt", "b.txt", "é.txt",
    ]  # fmt: skip


def test_a_folder_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "/".join("d" * 101) + "/")

    with pytest.raises(DescriptionError, match="levels deep"):
        build_from_folder(folder, tmp_path / "sip.zip", an_envelope())


def test_a_file_is_packaged_piece_by_piece_and_progress_is_told(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "a.txt")
    with (folder / "grand.bin").open("wb") as file:
        file.truncate(5 << 20)
    told: list[tuple[int, int]] = []

    built = build_from_folder(
        folder, tmp_path / "sip.zip", an_envelope(), plan=FolderPlan(on_progress=lambda *so: told.append(so))
    )

    assert told[-1] == ((5 << 20) + 5, (5 << 20) + 5)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert max(after - before for (before, _), (after, _) in pairwise(told)) <= 1 << 20
    with zipfile.ZipFile(built.path) as package:
        assert package.testzip() is None


def test_something_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match="not a folder"):
        build_from_folder(tmp_path / "absent", tmp_path / "sip.zip", an_envelope())


def test_what_is_too_large_for_a_plain_zip_goes_into_a_zip64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_folder(tmp_path, "a.txt")
    (folder / "grand.bin").write_bytes(bytes(5000))
    # As if a plain ZIP could hold no more than a thousand bytes.
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)

    built = build_from_folder(folder, tmp_path / "sip.zip", an_envelope(), plan=FolderPlan(compress=False))

    monkeypatch.undo()
    assert b"PK\x06\x06" in built.path.read_bytes()
    assert check_sip(built.path).findings == ()


def test_neither_building_nor_checking_holds_a_file_in_memory(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "a.txt")
    with (folder / "grand.bin").open("wb") as file:
        file.truncate(32 << 20)
    tracemalloc.start()
    try:
        built = build_from_folder(folder, tmp_path / "sip.zip", an_envelope(), plan=FolderPlan(compress=False))
        report = check_sip(built.path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert report.findings == ()
    assert peak < 12 << 20
