"""Options before the environment, the environment before the file; no secret shows; two languages."""

import copy
import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest

from chartrier_client.cli.arguments import parser
from chartrier_client.cli.help_texts import HELP
from chartrier_client.command import main
from chartrier_client.language import Text, told
from chartrier_client.settings import VARIABLES, SettingsError, gather, language_of, read_config

CONFIG = """
url = "http://file"
client_id = "file"
client_secret = "s3cret-of-file"
agreement = "FILE"
archival_agency = "FILE"
resumable_from = 1000
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / ".config" / "chartrier" / "config.toml"
    place.parent.mkdir(parents=True)
    place.write_text(CONFIG, encoding="utf-8")
    return tmp_path


def test_options_come_before_the_environment_and_the_environment_before_the_file(home: Path) -> None:
    client_file = home / "client.json"
    client_file.write_text(json.dumps({"client_id": "client file", "client_secret": "s"}), encoding="utf-8")
    environment = {"HOME": str(home), "CHARTRIER_URL": "http://env", "CHARTRIER_AGREEMENT": "ENV"}
    environment |= {"CHARTRIER_CLIENT_ID": "env"}

    known = gather({"agreement": "FLAG", "base_url": None}, client_file, None, environment)

    assert {name: (known.known[name].value, known.known[name].source) for name in known.known} == {
        "base_url": ("http://env", "CHARTRIER_URL"),
        "client_id": ("client file", str(client_file)),
        "client_secret": ("s", str(client_file)),
        "agreement": ("FLAG", "flags"),
        "archival_agency": ("FILE", str(home / ".config/chartrier/config.toml")),
        "resumable_from": ("1000", str(home / ".config/chartrier/config.toml")),
        "seda": ("2.2", "default"),
    }
    assert known.credentials().base_url == "http://env"


def test_a_file_that_is_named_is_read_in_place_of_the_usual_one(home: Path) -> None:
    other = home / "other.toml"
    other.write_text('url = "http://other"\n', encoding="utf-8")

    known = gather({}, None, other, {"HOME": str(home)})

    assert known.get("base_url") == "http://other"
    assert known.get("client_id") is None
    with pytest.raises(SettingsError, match="absent"):
        gather({}, None, home / "absent.toml", {})


def test_everything_missing_is_told_at_once() -> None:
    with pytest.raises(SettingsError, match=r"CHARTRIER_URL.*CHARTRIER_CLIENT_SECRET"):
        gather({}, None, None, {"CHARTRIER_CLIENT_ID": "c"}).credentials()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('urll = "x"', "unknown settings: urll"),
        ("url = [1]", "to be written in quotation marks: url"),
        ('urll = "x"\nagreement = 1.10', "unknown settings: urll; to be written in quotation marks: agreement"),
        ("resumable_from = true", "to be written in quotation marks: resumable_from"),
        ("agreement = true", "to be written in quotation marks: agreement"),
        ("seda = 2.4", "seda .*: «2.4» is none of 2.1, 2.2, 2.3"),
        ("seda = true", "to be written in quotation marks: seda"),
        ("url", "cannot be read"),
        ('seda = "1.0"', "none of 2.1, 2.2, 2.3"),
        ('language = "de"', "none of fr, en"),
        ('resumable_from = "much"', "number of bytes"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsError, match=told):
        gather({}, None, file, {})


def test_a_version_may_be_written_as_a_number(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("seda = 2.1\nagreement = 2026\n", encoding="utf-8")

    known = gather({}, None, file, {})

    assert (known.get("seda"), known.get("agreement")) == ("2.1", "2026")


def test_a_client_file_of_something_else_than_words_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    file.write_text('{"client_id": true, "client_secret": 5}', encoding="utf-8")

    with pytest.raises(SettingsError, match="client_id, client_secret should be words"):
        gather({}, file, None, {})


def test_every_setting_may_stand_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    names = ["url" if name == "base_url" else name for name in VARIABLES]
    file.write_text("".join(f'{name} = "{name}"\n' for name in names), encoding="utf-8")

    assert read_config(file).keys() == VARIABLES.keys()


def test_the_settings_are_shown_without_any_secret(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = {"HOME": str(home), "CHARTRIER_LANGUAGE": "en"}

    assert main(["config", "show"], environment) == 0
    assert main(["--json", "config", "show", "--client-secret", "s3cret-of-flag"], environment) == 0

    captured = capsys.readouterr().out
    assert "s3cret" not in captured
    told = json.loads(captured[captured.index("{") :])
    assert told["settings"]["client_secret"] == {"value": "***", "source": "flags"}
    assert told["settings"]["base_url"]["value"] == "http://file"
    assert told["file"] == str(home / ".config/chartrier/config.toml")
    assert told["state"] == str(home / ".local/state/chartrier")
    assert told["language"] == "en"


@pytest.mark.parametrize(
    ("flag", "environment", "language"),
    [
        (None, {}, "fr"),
        (None, {"LANG": "C"}, "fr"),
        (None, {"LANG": "de_DE.UTF-8"}, "fr"),
        (None, {"LANG": "en_GB.UTF-8"}, "en"),
        (None, {"LANG": "en_GB.UTF-8", "LC_ALL": "fr_FR.UTF-8"}, "fr"),
        (None, {"LANG": "fr_FR.UTF-8", "CHARTRIER_LANGUAGE": "en"}, "en"),
        ("fr", {"LANG": "en_GB.UTF-8", "CHARTRIER_LANGUAGE": "en"}, "fr"),
    ],
)
def test_the_language_is_asked_for_or_that_of_the_locale(
    flag: str | None, environment: Mapping[str, str], language: str
) -> None:
    assert language_of(flag, gather({}, None, None, environment), environment) == language


@pytest.mark.parametrize(
    ("words", "fr", "en"),
    [
        (["--help"], "Préparer, contrôler, verser", "Prepare, check, deposit"),
        (["sip", "build", "--help"], "dossier à verser", "folder to deposit"),
        (["sip", "build"], "il manque : folder", "the following arguments are required: folder"),
        (["oops"], "'oops' n'est pas parmi", "invalid choice: 'oops'"),
        (["list", "--limit", "x"], "n'est pas une valeur possible", "invalid int value"),
        (["list", "--limit"], "il manque une valeur", "expected one argument"),
        (["list", "--what"], "arguments inconnus : --what", "unrecognized arguments: --what"),
        (["status", "tr-1"], "il manque CHARTRIER_URL", "set CHARTRIER_URL"),
        (["sip", "build", "absent"], "il manque --archival-agency", "--archival-agency"),
        (["sip", "check", "absent.zip"], "absent.zip : introuvable", "absent.zip: not found"),
        (["sip", "check", "."], ". : est un dossier", ".: is a folder"),
    ],
)
def test_everything_is_said_in_both_languages(
    words: list[str], fr: str, en: str, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = []
    for language, words_told in (("fr", fr), ("en", en)):
        codes.append(main([*words, "--language", language], {}))
        captured = capsys.readouterr()
        assert words_told in captured.out + captured.err
    assert codes == ([0, 0] if "--help" in words else [1, 1])


def test_a_slip_in_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "deposit"], {}) == 1
    assert json.loads(capsys.readouterr().out)["code"] == "USAGE"


def test_every_word_of_help_is_used_and_is_there_in_both_languages() -> None:
    shown = {language: "".join(_helps(language)) for language in ("fr", "en")}

    for name, text in HELP.items():
        assert "".join(text.fr.split()) in shown["fr"], name
        assert "".join(text.en.split()) in shown["en"], name


def _helps(language: str) -> list[str]:
    waiting, helps = [parser(language)], []
    while waiting:
        each = waiting.pop()
        helps.append("".join(each.format_help().split()))
        for action in each._actions:  # noqa: SLF001 (argparse tells its words to nobody else)
            if isinstance(action.choices, dict):
                waiting += action.choices.values()
    return helps


def test_a_text_is_english_until_it_is_asked_in_french_and_survives_being_copied() -> None:
    text = Text("oui", "yes")
    for each in (text, copy.deepcopy(text), pickle.loads(pickle.dumps(text))):  # noqa: S301 (our own bytes)
        assert (str(each), each.said("fr"), each.said("en"), each.said("de")) == ("yes", "oui", "yes", "oui")
    assert [told(SettingsError(text), language) for language in ("fr", "en")] == ["oui", "yes"]
