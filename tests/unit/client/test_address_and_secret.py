"""An address that is none is told of; a password in it, or a secret that all can read, does not pass silently."""

import json
from pathlib import Path

import pytest

from chartrier_client.address import fault_of
from chartrier_client.command import main
from chartrier_client.settings import gather

GOOD = (
    "http://127.0.0.1:8000",
    "https://archives.example.org",
    "https://archives.example.org/sae/",
    "http://[::1]:8000",
    "HTTPS://ARCHIVES.EXAMPLE.ORG",
    "https://archivé.example",
)
BAD = {
    "https://me:s3cret@archives.example.org": "a name or a password has no place in it",
    "https://s3cret@archives.example.org": "a name or a password has no place in it",
    "https:/me:s3cret@archives.example.org": "a name or a password has no place in it",
    "archives.example.org": "an address begins with",
    "archives.example.org:8000": "an address begins with",
    "ftp://archives.example.org": "an address begins with",
    "//archives.example.org": "an address begins with",
    "http://": "no machine",
    "http:archives": "no machine",
    "http:///x": "no machine",
    "http://arch ives": "no machine",
    " http://archives": "an address begins with",
    "http://archives ": "no machine",
    "http://archives/ ": "no machine",
    "http://[::1": "this is no address",
    "http://archives:port": "this is no address",
    "http://archives\x00": "this is no address",
    "http://archives:99999": "no such port",
    "http://archives:0": "no such port",
    "http://archives?token=s3cret": "ends with a path",
    "http://archives#s3cret": "ends with a path",
}


@pytest.mark.parametrize("url", GOOD)
def test_an_address_is_taken_as_it_is(url: str) -> None:
    assert fault_of(url) is None
    assert gather({"base_url": url}, None, None, {}).get("base_url") == url


@pytest.mark.parametrize("url", BAD)
@pytest.mark.parametrize("command", [["config", "show"], ["status", "tr-1"]], ids=["config", "status"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_an_address_that_is_none_is_told_of_and_never_told(
    url: str, command: list[str], language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*command, "--client-id", "c", "--client-secret", "s", "--language", language]

    assert main([*words, f"--url={url}"], {}) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "(flags)" in captured.err
    assert language == "fr" or BAD[url] in captured.err
    assert "s3cret" not in captured.err


@pytest.mark.parametrize("source", ["CHARTRIER_URL", "config.toml", "client.json"])
def test_an_address_is_looked_at_wherever_it_stands(
    tmp_path: Path, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "https://me:s3cret@archives.example.org"
    (tmp_path / "config.toml").write_text(f'url = "{url}"\n', encoding="utf-8")
    (tmp_path / "client.json").write_text(json.dumps({"base_url": url}), encoding="utf-8")
    words = {
        "CHARTRIER_URL": [],
        "config.toml": ["--config", str(tmp_path / "config.toml")],
        "client.json": ["--client-file", str(tmp_path / "client.json")],
    }[source]

    environment = {"CHARTRIER_URL": url} if source == "CHARTRIER_URL" else {}
    assert main(["config", "show", *words], environment) == 1
    captured = capsys.readouterr()
    assert source in captured.err
    assert "s3cret" not in captured.err + captured.out


@pytest.mark.parametrize(("mode", "is_told"), [(0o644, True), (0o604, True), (0o600, False), (0o640, False)])
@pytest.mark.parametrize("file", ["config.toml", "client.json"])
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["words", "json"])
def test_a_secret_that_all_can_read_is_told_of_beside_the_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, mode: int, is_told: bool, file: str, form: list[str]
) -> None:
    path = tmp_path / file
    path.write_text('client_secret = "s3cret"' if file == "config.toml" else '{"client_secret": "s3cret"}', "utf-8")
    path.chmod(mode)
    option = "--config" if file == "config.toml" else "--client-file"

    assert main(["config", "show", option, str(path), *form], {}) == 0

    captured = capsys.readouterr()
    assert captured.err.count("chmod 600") == int(is_told)
    assert "s3cret" not in captured.err + captured.out
    assert not form or json.loads(captured.out)


def test_a_file_without_a_secret_may_be_read_by_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.toml"
    path.write_text('agreement = "A"\n', encoding="utf-8")
    path.chmod(0o644)

    assert main(["config", "show", "--config", str(path)], {}) == 0
    assert capsys.readouterr().err == ""
