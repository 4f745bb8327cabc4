"""Tell a story on a terminal, in plain text or in colour."""

from dataclasses import dataclass
from io import TextIOWrapper
from typing import TextIO

BOLD, GREEN, GREY, END = "\x1b[1m", "\x1b[32m", "\x1b[90m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Screen:
    """Where the story is told; colours only when a person is looking."""

    out: TextIO

    def title(self, text: str) -> None:
        """Begin the story."""
        self._line("")
        self._line(self._painted(BOLD, text))
        self._line(self._painted(GREY, "─" * len(text)))

    def step(self, number: int, text: str) -> None:
        """Begin a chapter."""
        self._line("")
        self._line(self._painted(BOLD, f"{number}. {text}"))

    def done(self, text: str) -> None:
        """Tell of something achieved."""
        self._line(f"   {self._painted(GREEN, '✓')} {text}")

    def note(self, text: str) -> None:
        """Tell a detail, or something under way."""
        self._line(f"     {self._painted(GREY, text)}")

    def plain(self, text: str) -> None:
        """Tell something to be copied as it is."""
        self._line(f"   {text}")

    def _line(self, text: str) -> None:
        self.out.write(text + "\n")
        self.out.flush()

    def _painted(self, colour: str, text: str) -> str:
        return f"{colour}{text}{END}" if self.out.isatty() else text


def never_choke(out: TextIO) -> None:
    """Make a terminal of another age show «?» for what it cannot write, instead of failing."""
    if isinstance(out, TextIOWrapper):
        out.reconfigure(errors="replace")


def french_number(value: int) -> str:
    """Write a whole number with French thin spaces."""
    return f"{value:,}".replace(",", "\u202f")
