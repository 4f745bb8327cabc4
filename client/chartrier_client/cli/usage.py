"""An argument parser that speaks French as well as argparse speaks English, and never ends the process."""

import argparse
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from chartrier_client.language import Text

HEADINGS: Final = {"positional arguments": "arguments", "options": "options"}

SENTENCES: Final = (
    (r"the following arguments are required: (.*)", r"il manque : \1"),
    (r"unrecognized arguments: (.*)", r"arguments inconnus : \1"),
    (r"argument (.*?): invalid choice: (.*?) \(choose from (.*)\)", r"\1 : \2 n'est pas parmi \3"),
    (r"argument (.*?): expected one argument", r"\1 : il manque une valeur"),
    (r"argument (.*?): expected at least one argument", r"\1 : il manque une valeur"),
    (r"argument (.*?): invalid \w+ value: (.*)", r"\1 : \2 n'est pas une valeur possible"),
    (r"argument (.*?): not allowed with argument (.*)", r"\1 ne va pas avec \2"),
    (r"ambiguous option: (.*?) could match (.*)", r"\1 : est-ce \2 ?"),
)
"""What argparse says → how it is said in French."""


class UsageError(Exception):
    """A mistyped command; the text says what is wrong and how it is used."""


class Parser(argparse.ArgumentParser):
    """Raises `UsageError` instead of leaving; its help is in the language it is given."""

    def __init__(self, *, language: str = "fr", **options: Any) -> None:  # noqa: ANN401 (argparse's own)
        self.language = language
        super().__init__(**{"formatter_class": formatter(language), "add_help": False, **options})

    # typing has no `override` before Python 3.12.
    def error(self, message: str) -> NoReturn:  # type: ignore[explicit-override]
        """Say what is wrong and how the command is used."""
        usage = self.format_usage().strip()
        raise UsageError(Text(f"{_in_french(message)}\n{usage}", f"{message}\n{usage}"))


def formatter(language: str) -> type[argparse.HelpFormatter]:
    """Return a formatter of help in a language."""

    class Formatter(argparse.RawDescriptionHelpFormatter):
        def start_section(self, heading: str | None) -> None:  # type: ignore[explicit-override]
            super().start_section(HEADINGS.get(heading or "", heading) if language == "fr" else heading)

        def add_usage(  # type: ignore[explicit-override]
            self,
            usage: str | None,
            actions: Iterable[argparse.Action],
            groups: "Iterable[argparse._MutuallyExclusiveGroup]",
            prefix: str | None = None,
        ) -> None:
            ours = "utilisation : " if language == "fr" else "usage: "
            super().add_usage(usage, actions, groups, ours if prefix is None else prefix)

    return Formatter


def _in_french(message: str) -> str:
    for english, french in SENTENCES:
        if re.fullmatch(english, message):
            return re.sub(english, french, message)
    return message
