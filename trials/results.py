"""The result of a trial as a small dated document: what was done, from which seed, on what, and what came of it."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from trials.progress import Progress

_ROOT = Path(__file__).parents[1]
_MIB = 1 << 20
# What went wrong is told in full where it happened; the document says enough to look there.
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a trial: figures by name, and what failed it, if anything did."""

    about: str
    progress: Progress
    figures: Mapping[str, int | float]
    failure: str | None
    when: datetime

    @property
    def passed(self) -> bool:
        """Whether all that must be true was."""
        return self.failure is None


def write(result: Result, folder: Path) -> Path:
    """Write `<date>-<trial>.md` in a folder, beside those of the same day, and return its place."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{result.when:%Y-%m-%d}-{result.progress.trial}"
    for number in range(1, 1000):
        place = folder / (f"{name}.md" if number == 1 else f"{name}-{number}.md")
        try:
            with place.open("x", encoding="utf-8") as out:
                out.write(document(result, commit(), machine()))
        except FileExistsError:
            continue
        return place
    raise FileExistsError(f"{folder} is full of results of {name}")


def document(result: Result, commit: str, machine: str) -> str:
    """Return the document; it names neither the machine nor any of its places."""
    progress = result.progress
    rows = [
        ("verdict", "passed" if result.passed else "**failed**"),
        ("command", f"`python -m trials --only {progress.trial} --seed {progress.seed} --count {progress.count}`"),
        ("seed", str(progress.seed)),
        ("commit", commit),
        ("machine", machine),
        ("date", f"{result.when:%Y-%m-%d %H:%M} UTC"),
        ("took", f"{progress.spent:.0f} s in {progress.starts} start{'s' if progress.starts > 1 else ''}"),
        *_bound(progress),
    ]
    lines = [f"# Trial {progress.trial}", "", f"{result.about[0].upper()}{result.about[1:]}.", ""]
    lines += ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), ""]
    figures = {**result.figures, **dict(sorted(progress.counted.items()))}
    lines += ["| figure | |", "|---|--:|", *(f"| {name} | {value:g} |" for name, value in figures.items())]
    if result.failure is not None:
        lines += ["", "## What failed", "", "```", result.failure[:_LONGEST], "```"]
    return "\n".join([*lines, ""])


def _bound(progress: Progress) -> Iterator[tuple[str, str]]:
    if len(progress.done) < progress.count:
        yield "bounded", f"{len(progress.done)} of {progress.count} units done when it ended ({progress.hours:g} h)"


def machine() -> str:
    """Say what a trial ran on: cores and memory."""
    return f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total // _MIB} MiB of memory"


def commit(root: Path = _ROOT) -> str:
    """Return the commit of this tree, and whether anything was changed since; "unknown" without git."""
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    # What trials write is no change of what they try.
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/trials")
    return "unknown" if not head else f"{head} and changes" if changed else head


def _git(root: Path, *words: str) -> str:
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return ""
    done = subprocess.run([git, *words], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 (ours)
    return done.stdout.strip()
