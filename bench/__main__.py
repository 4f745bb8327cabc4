"""``python -m bench``: start the archive in an empty folder, measure, say, stop, and leave nothing behind."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bench import audits, measures, options, report
from bench.archives import running
from bench.driver import DepositFailed
from bench.figures import Outcome
from bench.options import Options
from services.local.processes import NotReadyError
from services.local.rabbitmq import MissingServerError
from services.local.settings import LocalSettings
from services.local.stack import StackError

# The package, what staging holds of it, the AIP in staging and on two sites, and room to move.
_TIMES_THE_INPUT = 8
AUDIT = "audit"
_FOR_PEOPLE = (DepositFailed, NotReadyError, MissingServerError, StackError)


class NoRoomError(Exception):
    """The disk cannot hold what was asked for."""


def main(arguments: Sequence[str]) -> int:
    """Run what the command line asks for; the exit status is 0 when every deposit was accepted."""
    asked = options.parse(arguments)
    signal.signal(signal.SIGTERM, _stop)
    outcomes: list[Outcome] = []
    try:
        for mode in asked.modes if set(asked.workloads) - {AUDIT} else ():
            _run_mode(mode, asked, outcomes)
        if AUDIT in asked.workloads:
            _run_audit(asked, outcomes)
    except (*_FOR_PEOPLE, NoRoomError) as said:
        print(said, file=sys.stderr)
        return 1
    except ExceptionGroup as several:
        print(several.exceptions[0], file=sys.stderr)
        return 1
    finally:
        if outcomes:
            print(f"\n{report.budgets(outcomes)}")
            print(f"\nWritten to {report.write(outcomes, asked, datetime.now(UTC))}")
    return 0 if report.all_kept(outcomes) or not asked.enforce else 1


def _run_mode(mode: str, asked: Options, outcomes: list[Outcome]) -> None:
    with _folder(asked) as folder:
        home = folder / "home"
        home.mkdir()
        print(f"\nStarting {mode}…", flush=True)
        with running(mode, home) as archive:
            for workload in asked.workloads:
                if workload == AUDIT:
                    continue
                print(f"\n{workload} on {mode}…", flush=True)
                outcomes.append(measures.measure(workload, archive, asked, folder / workload))
                print(report.table(outcomes[-1]), flush=True)
                shutil.rmtree(folder / workload)


def _run_audit(asked: Options, outcomes: list[Outcome]) -> None:
    """Storage alone is measured: no other room has a part in it, and both ways of running have the same one."""
    with _folder(asked) as folder:
        print("\naudit of storage alone…", flush=True)
        outcomes.append(audits.audit(asked, folder / AUDIT))
        print(report.table(outcomes[-1]), flush=True)


@contextmanager
def _folder(asked: Options) -> Iterator[Path]:
    """Lend a folder beside the archive's own state: the same disk is measured, and it is seldom a small one."""
    parent = (asked.home or LocalSettings().home).resolve()
    parent.mkdir(parents=True, exist_ok=True)
    need = max(
        _TIMES_THE_INPUT * max(asked.large_bytes if "large" in asked.workloads else 0, 1 << 28),
        len(audits.SITES) * asked.audit_count * asked.audit_bytes + (1 << 30) if AUDIT in asked.workloads else 0,
    )
    free = shutil.disk_usage(parent).free
    if free < need:
        raise NoRoomError(
            f"{parent} has {free >> 20} MiB free; this bench needs {need >> 20}:"
            " --home, --large-bytes, --audit-count."
        )
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop(number: int, _frame: FrameType | None) -> None:
    # As an exception, it passes through every `finally`: the archive is stopped, the folder removed.
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
