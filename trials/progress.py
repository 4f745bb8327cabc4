"""What a trial has done so far, kept in its folder: killed and started again, it goes on with what is left."""

from collections import Counter
from pathlib import Path
from threading import Lock

from pydantic import BaseModel, Field

from services.local import files

_FILE = "progress.json"


class Progress(BaseModel):
    """Which trial this is, and what came of each of its units of work; `spent` counts seconds over all starts."""

    trial: str
    seed: int
    count: int
    hours: float
    done: dict[int, str] = Field(default_factory=dict)
    counted: dict[str, int] = Field(default_factory=dict)
    spent: float = 0.0
    starts: int = 0
    finished: bool = False


class Notebook:
    """The progress of one trial on disk. Threads may write in it; each note is whole or absent."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._folder = folder
        self._lock = Lock()
        self.progress = progress

    def note_done(self, number: int, what: str) -> None:
        """Remember what came of a unit of work."""
        with self._lock:
            self.progress.done[number] = what
            self._write()

    def count(self, what: str, times: int = 1) -> None:
        """Add to a figure."""
        with self._lock:
            self.progress.counted = dict(Counter(self.progress.counted) + Counter({what: times}))
            self._write()

    def note_time(self, spent: float) -> None:
        """Remember how long it has been going, over all starts, in seconds."""
        with self._lock:
            self.progress.spent = spent
            self._write()

    def note_start(self) -> None:
        """Remember that it was started once more."""
        with self._lock:
            self.progress.starts += 1
            self._write()

    def finish(self) -> None:
        """Remember that there is nothing left to do."""
        with self._lock:
            self.progress.finished = True
            self._write()

    def _write(self) -> None:
        files.write_private(self._folder / _FILE, self.progress.model_dump_json(indent=1))


def read(folder: Path) -> Progress | None:
    """Return what a folder remembers; None where no trial was begun."""
    try:
        return Progress.model_validate_json((folder / _FILE).read_bytes())
    except FileNotFoundError:
        return None


def unfinished(trials: Path, name: str) -> Progress | None:
    """Return the trial of this name that was begun last and has not finished; None where there is none."""
    places = sorted(trials.glob(f"{name}-*/{_FILE}"), key=lambda place: place.stat().st_mtime, reverse=True)
    found = (Progress.model_validate_json(place.read_bytes()) for place in places)
    return next((progress for progress in found if progress.trial == name and not progress.finished), None)
