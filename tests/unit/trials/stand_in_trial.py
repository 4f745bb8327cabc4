"""A trial of nothing: each unit is a number drawn from the seed. Files beside its folder say what befalls it."""

import os
import signal
from pathlib import Path

from trials.levers import Amiss
from trials.run import Figures, Run, Trial

INTERRUPTED, DEAD, FAILING = "interrupted", "dead", "failing"


def play(run: Run) -> Figures:
    for number in run.left:
        if run.is_over():
            break
        run.notebook.note_done(number, f"{run.chance(number).random():.6f}")
        run.notebook.count("units drawn")
        if _befalls(run, INTERRUPTED):
            os.kill(os.getpid(), signal.SIGINT)
        if _befalls(run, DEAD):
            raise SystemExit  # nothing of ours hears of it, as nothing hears of kill -9
    run.heed()
    if _befalls(run, FAILING):
        raise Amiss(f"a copy is missing in {run.folder}")
    return {"sum": round(sum(float(what) for what in run.notebook.progress.done.values()), 6)}


def _befalls(run: Run, what: str) -> bool:
    place: Path = run.folder.parent / what
    return place.exists()


STAND_IN = Trial("stand-in", "nothing happens, again and again", play, count=3)
