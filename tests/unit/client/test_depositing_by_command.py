"""The command deposits large packages in pieces, and goes on after it was stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import chartrier_client
from chartrier_client.command import main
from tests.unit.client.upload_double import UPLOADS, Trouble, UploadDouble

MIB = 1 << 20


@pytest.fixture
def environment(uploads: UploadDouble, tmp_path: Path) -> Mapping[str, str]:
    return {
        "CHARTRIER_URL": uploads.url,
        "CHARTRIER_CLIENT_ID": "the-client",
        "CHARTRIER_CLIENT_SECRET": "its-secret",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "HOME": str(tmp_path),
    }


@pytest.fixture
def sip(tmp_path: Path) -> Path:
    path = tmp_path / "sip.zip"
    path.write_bytes(b"PK\x03\x04" + bytes(20 * MIB))
    return path


def remembered(place: Path) -> list[Path]:
    return list((place / "state" / "chartrier" / "uploads").glob("*.json"))


def test_a_large_package_is_sent_in_pieces_and_then_forgotten(
    uploads: UploadDouble,
    environment: Mapping[str, str],
    sip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = {**environment, "CHARTRIER_RESUMABLE_FROM": str(20 * MIB)}

    assert main(["deposit", str(sip), "--agreement", "A"], told) == 0

    assert uploads.count("PATCH") == 3
    assert uploads.only.content == sip.read_bytes()
    assert remembered(tmp_path) == []
    captured = capsys.readouterr()
    assert "versement tr-1" in captured.out
    assert captured.err == ""  # nobody is looking: no bar is drawn


@pytest.mark.parametrize(
    ("words", "bound", "expected"),
    [
        ([], 21 * MIB, UPLOADS.replace("uploads", "transfers")),
        (["--no-resumable"], 0, UPLOADS.replace("uploads", "transfers")),
        (["--resumable"], 21 * MIB, UPLOADS),
    ],
)
def test_small_packages_are_sent_at_once_unless_one_says_otherwise(
    uploads: UploadDouble, environment: Mapping[str, str], sip: Path, words: list[str], bound: int, expected: str
) -> None:
    told = {**environment, "CHARTRIER_RESUMABLE_FROM": str(bound)}

    main(["deposit", str(sip), "--agreement", "A", "--no-wait", *words], told)

    asked = [path.partition("?")[0] for method, path in uploads.heard if method == "POST" and "token" not in path]
    assert asked == [expected]


def test_a_dry_run_is_announced_as_one(
    uploads: UploadDouble, environment: Mapping[str, str], sip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # This archive of cardboard does not know dry runs, and is told of.
    assert main(["deposit", str(sip), "--agreement", "A", "--resumable", "--dry-run"], environment) == 1

    assert uploads.only.metadata["dry_run"] == "true"
    assert "tr-1 est un versement" in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
def test_a_command_that_was_stopped_goes_on(
    uploads: UploadDouble,
    environment: Mapping[str, str],
    sip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    how: signal.Signals,
) -> None:
    words = ["deposit", str(sip), "--agreement", "A", "--resumable", "--json"]
    running: list[subprocess.Popen[bytes]] = []
    stopped = Trouble(204, meanwhile=lambda: os.kill(running[0].pid, how), headers={"Upload-Offset": str(8 * MIB)})
    uploads.troubles = [None, stopped]
    paths = {"PYTHONPATH": str(Path(chartrier_client.__file__).parents[1])}
    command = [sys.executable, "-m", "chartrier_client.command", *words]
    with subprocess.Popen(command, env={**environment, **paths}, stdout=subprocess.PIPE) as process:
        running.append(process)
        out, _ = process.communicate(timeout=60)

    if how is signal.SIGINT:
        assert process.returncode == 1
        assert json.loads(out)["code"] == "INTERRUPTED"
    assert len(remembered(tmp_path)) == 1
    assert len(uploads.only.content) == 8 * MIB
    uploads.heard = []

    assert main(words, environment) == 0
    assert (uploads.count("POST"), uploads.count("PATCH")) == (0, 2)
    assert uploads.only.content == sip.read_bytes()
    assert json.loads(capsys.readouterr().out)["id"] == "tr-1"
    assert remembered(tmp_path) == []
