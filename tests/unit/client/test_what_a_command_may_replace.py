"""A command writes where nothing is, and replaces nothing that it was not told to replace."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from chartrier_client import DescriptionError, FolderPlan, build_from_folder
from chartrier_client.command import main
from tests.unit.client.archive_double import ArchiveDouble, said, said_bytes
from tests.unit.client.folders import a_csv, a_folder, an_envelope

AGENCIES = ("--archival-agency", "AD", "--transferring-agency", "M")
READY = {"id": "d-1", "state": "ready", "size": 7}


@pytest.fixture
def environment(archive: ArchiveDouble) -> Mapping[str, str]:
    archive.says("GET", "/access/v1/objects/o-1/content", said_bytes(b"content"))
    archive.says("POST", "/access/v1/dips", said({"id": "d-1", "state": "ordered"}, 202))
    archive.says("GET", "/access/v1/dips/d-1", said(READY))
    archive.says("GET", "/access/v1/dips/d-1/content", said_bytes(b"content"))
    return {
        "CHARTRIER_URL": archive.url,
        "CHARTRIER_CLIENT_ID": "the-client",
        "CHARTRIER_CLIENT_SECRET": "its-secret",
    }


def words_of(action: str, place: Path, out: Path) -> list[str]:
    return {
        "sip build": ["sip", "build", str(a_folder(place, "a.txt")), str(out), *AGENCIES],
        "get": ["get", "o-1", str(out)],
        "dip": ["dip", "u-1", "--out", str(out)],
    }[action]


@pytest.mark.parametrize("action", ["sip build", "get", "dip"])
def test_a_file_that_is_there_is_replaced_only_when_one_says_so(
    archive: ArchiveDouble,
    environment: Mapping[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    action: str,
) -> None:
    out = tmp_path / "mine"
    out.write_text("mine", encoding="utf-8")
    words = words_of(action, tmp_path, out)

    assert main(words, environment) == 1
    assert "existe déjà (--force le remplace)" in capsys.readouterr().err
    assert out.read_text(encoding="utf-8") == "mine"
    # It is known before anything is ordered.
    assert archive.heard == []

    assert main([*words, "--force"], environment) == 0
    assert out.read_bytes()[:4] in {b"cont", b"PK\x03\x04"}
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["mine"]


@pytest.mark.parametrize("action", ["sip build", "get", "dip"])
def test_a_link_that_leads_nowhere_is_there_and_a_folder_is_never_replaced(
    environment: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], *, action: str
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()

    assert main(words_of(action, tmp_path, tmp_path / "link"), environment) == 1
    assert "existe déjà" in capsys.readouterr().err
    assert main([*words_of(action, tmp_path, tmp_path / "folder"), "--force"], environment) == 1
    assert "est un dossier" in capsys.readouterr().err
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("link", [None, os.link, os.symlink], ids=["itself", "another name", "a link"])
def test_a_package_never_takes_the_place_of_its_own_metadata_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], link: object
) -> None:
    metadata = a_csv(tmp_path, "path;title\na.txt;A\n")
    out = metadata
    if callable(link):
        out = tmp_path / "other"
        link(metadata, out)
    words = ["sip", "build", str(a_folder(tmp_path, "a.txt")), str(out), "--metadata", str(metadata), *AGENCIES]

    assert main([*words, "--force"], {}) == 1
    assert "prendrait la place du fichier de métadonnées" in capsys.readouterr().err
    assert metadata.read_text(encoding="utf-8") == "path;title\na.txt;A\n"


def test_a_package_never_goes_into_its_own_folder(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "a.txt", "s/b.txt")
    (tmp_path / "way").symlink_to(folder)

    for out in (folder / "a.txt", folder / "s" / "new.zip", tmp_path / "way" / "s" / "b.txt", tmp_path / "way"):
        with pytest.raises(DescriptionError, match="inside its own folder"):
            build_from_folder(folder, out, an_envelope())
    assert (folder / "a.txt").read_text(encoding="utf-8") == "a.txt"


def test_an_application_that_builds_every_night_replaces_its_package(tmp_path: Path) -> None:
    folder, out = a_folder(tmp_path, "a.txt"), tmp_path / "sip.zip"
    plan = FolderPlan(a_csv(tmp_path, "path;title\na.txt;A\n"))

    for _ in range(2):
        build_from_folder(folder, out, an_envelope(), plan=plan)
    assert zipfile.is_zipfile(out)
