"""The words that the `chartrier` command understands."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chartrier_client.cli.help_texts import DESCRIPTION, EPILOG, HELP
from chartrier_client.cli.usage import Parser
from chartrier_client.description import SedaVersion
from chartrier_client.language import LANGUAGES

AGENCIES: Final = ("archival", "transferring", "originating", "submission")


@dataclass(frozen=True, slots=True)
class _Words:
    """Adds words to a parser with their help in one language."""

    parser: argparse.ArgumentParser
    language: str

    def add(self, *names: str, told: str = "", **options: Any) -> None:  # noqa: ANN401 (argparse's own)
        self.parser.add_argument(*names, help=HELP[told or names[0]].said(self.language), **options)

    def group(self, dest: str) -> "_Group":
        metavar = "COMMAND" if self.language == "en" else "COMMANDE"
        return _Group(self.parser.add_subparsers(dest=dest, required=True, metavar=metavar), self.language)


@dataclass(frozen=True, slots=True)
class _Group:
    """Adds commands to a parser; each takes the words that all of them take."""

    actions: "argparse._SubParsersAction[argparse.ArgumentParser]"
    language: str

    def add(self, name: str, told: str = "") -> _Words:
        text = HELP[told or name].said(self.language)
        words = _Words(
            self.actions.add_parser(name, help=text, description=text, language=self.language), self.language
        )
        _general(words)
        return words


def parser(language: str = "fr") -> argparse.ArgumentParser:
    """Build the parser; each command leaves its name in `action`, and `sip_action` or `config_action`."""
    top = Parser(
        language=language,
        prog="chartrier",
        description=DESCRIPTION.said(language),
        epilog=EPILOG.said(language),
    )
    words = _Words(top, language)
    _general(words)
    top.set_defaults(
        url=None, client_id=None, client_secret=None, client_file=None, config=None, language=None, json=False
    )
    actions = words.group("action")
    _transfer_actions(actions)
    _access_actions(actions)
    _sip_actions(actions)
    demo = actions.add("demo-sip")
    demo.add("path", type=Path, told="out file")
    demo.add("--message-id", default="VALOMBREUSE-2026-0001")
    demo.add("--agreement", told="agreement written")
    _seda(demo)
    _verify_action(actions)
    actions.add("config").group("config_action").add("show", "config show")
    return top


def before_all(language: str = "fr") -> argparse.ArgumentParser:
    """Build a parser of what has to be known before a command is understood: its language, and where it is set."""
    first = Parser(language=language, prog="chartrier")
    _general(_Words(first, language))
    first.set_defaults(config=None, language=None, json=False, help=False)
    return first


def _general(words: _Words) -> None:
    """Add what may stand before the command or after it."""
    words.add("-h", "--help", told="--help", action="help")
    for name in ("--url", "--client-id", "--client-secret"):
        words.add(name, default=argparse.SUPPRESS)
    for name in ("--client-file", "--config"):
        words.add(name, type=Path, default=argparse.SUPPRESS)
    words.add("--language", choices=LANGUAGES, default=argparse.SUPPRESS)
    words.add("--json", action="store_true", default=argparse.SUPPRESS)


def _transfer_actions(actions: _Group) -> None:
    deposit = actions.add("deposit")
    deposit.add("sip", type=Path, told="deposit sip")
    deposit.add("--agreement")
    deposit.add("--dry-run", action="store_true")
    deposit.add("--wait", action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS)
    deposit.add("--resumable", action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS)
    # Said here, for argparse would write them into the help, and in English.
    deposit.parser.set_defaults(wait=True, resumable=None)
    _timeout(deposit)
    actions.add("status").add("transfer")
    wait = actions.add("wait")
    wait.add("transfer")
    _timeout(wait)
    listed = actions.add("list")
    listed.add("--state")
    listed.add("--limit", type=int, default=20)


def _access_actions(actions: _Group) -> None:
    search = actions.add("search")
    search.add("words", nargs="*")
    search.add(
        "--filter", action="append", default=[], metavar="NOM=VALEUR" if search.language == "fr" else "NAME=VALUE"
    )
    search.add("--limit", type=int, default=20)
    get = actions.add("get")
    get.add("object")
    get.add("path", type=Path, told="out file")
    _force(get)
    dip = actions.add("dip")
    dip.add("units", nargs="+")
    dip.add("--out", type=Path, required=True, told="out file")
    _force(dip)
    _timeout(dip)


def _sip_actions(actions: _Group) -> None:
    sip = actions.add("sip").group("sip_action")
    build = sip.add("build", "sip build")
    build.add("folder", type=Path)
    build.add("out", type=Path, nargs="?", told="out sip")
    _force(build)
    build.add("--metadata", type=Path)
    for agency in AGENCIES:
        build.add(f"--{agency}-agency")
    build.add("--message-id")
    build.add("--agreement", told="agreement written")
    build.add("--comment")
    build.add("--store", action="store_true")
    _seda(build)
    check = sip.add("check", "sip check")
    check.add("file", type=Path, told="check file")
    check.add("--xsd", type=Path)


def _verify_action(actions: _Group) -> None:
    verify = actions.add("verify")
    verify.add("files", type=Path, nargs="+", told="verify files")
    verify.add("--trust", type=Path, action="append", default=[])
    verify.add("--evidence", type=Path, action="append", default=[])
    verify.add("--at")


def _force(action: _Words) -> None:
    action.add("--force", action="store_true")


def _timeout(action: _Words) -> None:
    action.add("--timeout", type=float, default=300.0)


def _seda(action: _Words) -> None:
    action.add("--seda", choices=[str(version) for version in SedaVersion])
