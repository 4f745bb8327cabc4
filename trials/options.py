"""What `python -m trials` is asked to do."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trials.list_of_trials import TRIALS


@dataclass(frozen=True, slots=True)
class Options:
    """Which trials, from which seed, within which bounds. What is None is the trial's own, or drawn."""

    list: bool
    only: tuple[str, ...]
    seed: int | None
    count: int | None
    hours: float | None
    resume: bool
    home: Path | None
    results: Path


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; says what is wrong and exits when it cannot."""
    return Options(**vars(_parser().parse_args(arguments)))


def _names(text: str) -> tuple[str, ...]:
    chosen = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [name for name in chosen if name not in TRIALS]
    if unknown or not chosen:
        raise argparse.ArgumentTypeError(f"choose among {', '.join(TRIALS)}")
    return chosen


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours < 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of hours, such as 0.5")
    return hours


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trials",
        description="Long trials of the full stack; `make trials ARGS=…` passes these options on. "
        "Ctrl-C stops one cleanly, --resume goes on with what is left.",
    )
    add = parser.add_argument
    add("--list", action="store_true", help="say which trials there are")
    add("--only", type=_names, default=tuple(TRIALS), help="trials, separated by commas (default: all)")
    add("--seed", type=int, default=None, help="where every choice comes from (default: drawn, printed, recorded)")
    add("--count", type=_positive, default=None, help="at most so many units of work (default: each trial's own)")
    add("--hours", type=_hours, default=None, help="at most so long for each trial (default: each trial's own)")
    add("--resume", action="store_true", help="go on with the last trial of each name that has not finished")
    add("--home", type=Path, default=None, help="where trials keep their state (default: CHARTRIER_HOME/trials)")
    add("--results", type=Path, default=Path("docs/trials"), help="where the dated results go")
    return parser
