"""A progress bar of one line, for a person who waits: on a terminal only, on its error stream."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TextIO

WIDTH: Final = 24
# Often enough for the eye, seldom enough for a slow terminal.
PERIOD: Final = 0.1
UNITS: Final = (("o", "B"), ("Kio", "KiB"), ("Mio", "MiB"), ("Gio", "GiB"), ("Tio", "TiB"))


@dataclass(slots=True)
class Bar:
    """Shows how many bytes are done out of how many; hearing it is cheap, drawing it is rationed."""

    out: TextIO
    label: str
    language: str
    _drawn: float = field(default=0.0)
    _width: int = field(default=0)

    def __call__(self, done: int, total: int) -> None:
        """Hear of `done` bytes out of `total`."""
        now = time.monotonic()
        if now - self._drawn >= PERIOD or done >= total:
            self._drawn = now
            self.draw(done, total)

    def draw(self, done: int, total: int) -> None:
        """Draw the bar over the one before."""
        share = min(1.0, done / total) if total else 1.0
        full = int(share * WIDTH)
        bar = "█" * full + "░" * (WIDTH - full)
        of = f"{amount(done, self.language)} / {amount(total, self.language)}"
        line = f"{self.label} {bar} {share:4.0%} {of}"
        self.out.write("\r" + line.ljust(self._width))
        self.out.flush()
        self._width = len(line)

    def clear(self) -> None:
        """Leave the line as it was before."""
        if self._width:
            self.out.write("\r" + " " * self._width + "\r")
            self.out.flush()


@contextmanager
def bar(out: TextIO, label: str, language: str, *, shown: bool) -> Iterator[Bar | None]:
    """Give a bar that is cleared in the end; None where it is not wanted, or nobody is looking."""
    drawn = Bar(out, label, language) if shown and out.isatty() else None
    try:
        yield drawn
    finally:
        if drawn:
            drawn.clear()


def amount(size: int, language: str) -> str:
    """Write a number of bytes as people read it: 1,5 Mio, 1.5 MiB."""
    step, value = 0, float(size)
    while value >= 1024 and step < len(UNITS) - 1:
        value, step = value / 1024, step + 1
    number = f"{value:.0f}" if step == 0 else f"{value:.1f}"
    unit = UNITS[step][language == "en"]
    return f"{number} {unit}" if language == "en" else f"{number.replace('.', ',')} {unit}"
