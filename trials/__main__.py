"""``python -m trials``: put the full stack to long trials, one after the other, and write down what came of each."""

import secrets
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from services.local import files, stack
from services.local.processes import NotReadyError
from services.local.rabbitmq import MissingServerError
from services.local.settings import LocalSettings
from shared.stopping import StopRequest, heeding_signals
from trials import options, progress, results
from trials.levers import Amiss
from trials.list_of_trials import TRIALS
from trials.options import Options
from trials.progress import Notebook, Progress
from trials.results import Result
from trials.run import Figures, NotAtHand, Run, Stopped, Trial

INTERRUPTED = 130
# The archive is at fault where a part of it does not come back.
_FAILURES = (Amiss, NotReadyError, stack.StackError)


def main(arguments: Sequence[str]) -> int:
    """Run what the command line asks for; the exit status is 0 when every trial passed, 130 when told to stop."""
    asked = options.parse(arguments)
    if asked.list:
        for trial in TRIALS.values():
            print(f"{trial.name:<20}{trial.about} ({trial.count} units, at most {trial.hours:g} h)")
        return 0
    trials = files.private_folder(asked.home or LocalSettings().home / "trials")
    try:
        with heeding_signals() as stop:
            passed = [_try(TRIALS[name], asked, trials, stop) for name in asked.only]
    except (Stopped, KeyboardInterrupt):
        print("\nStopped. What was done is kept; go on with --resume.", flush=True)
        return INTERRUPTED
    except (MissingServerError, NotAtHand) as said:
        print(said, file=sys.stderr)
        return 1
    return 0 if all(passed) else 1


def _try(trial: Trial, asked: Options, trials: Path, stop: StopRequest) -> bool:
    """Play one trial and write down its result; tell whether it passed."""
    begun = _begun(trial, asked, trials)
    folder = trials / f"{trial.name}-{begun.seed}"
    notebook = Notebook(folder, begun)
    notebook.note_start()
    print(f"\n{trial.name}, seed {begun.seed}: {trial.about}.", flush=True)
    run = Run(folder, notebook, stop)
    figures: Figures = {}
    failure = None
    try:
        figures = trial.play(run)
    except _FAILURES as said:
        failure = str(said).replace(str(trials), "…")
    finally:
        notebook.note_time(run.spent)
    notebook.finish()
    result = Result(trial.about, notebook.progress, figures, failure, datetime.now(UTC))
    print(f"{'Passed' if result.passed else 'FAILED'}: {results.write(result, asked.results)}", flush=True)
    if failure is not None:
        print(f"{failure}\nThe archive is left as it was, its logs included: {folder / 'home'}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    return result.passed


def _begun(trial: Trial, asked: Options, trials: Path) -> Progress:
    """Find the trial to go on with, or begin one in an empty folder."""
    if asked.resume:
        found = progress.unfinished(trials, trial.name)
        if found is not None and asked.seed in (None, found.seed):
            print(f"\nGoing on with {trial.name}: {len(found.done)} of {found.count} done.", flush=True)
            return found
    seed = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    folder = trials / f"{trial.name}-{seed}"
    if folder.exists():
        stack.down(folder / "home")  # of a trial that was killed
        shutil.rmtree(folder)
    files.private_folder(folder)
    return Progress(
        trial=trial.name,
        seed=seed,
        count=asked.count or trial.count,
        hours=asked.hours or trial.hours,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
