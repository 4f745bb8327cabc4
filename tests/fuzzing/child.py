"""A process that judges packages one after another: a crash, a hang or a glut of memory is its own, and is told of.

It is asked by a line (a path) and answers by a line of JSON. Run as ``python -m tests.fuzzing.child``.
"""

import json
import resource
import select
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO, cast

from services.ingest.adapters.siegfried import Siegfried
from services.ingest.domain.finding_texts import TEXTS, text
from services.ingest.domain.findings import is_refused
from services.ingest.domain.limits import MIB, Limits
from services.ingest.domain.tolerances import TOLERANCES
from services.ingest.pipeline.judge import Verdict, judge
from tests.builders.sips import ASip, a_sip, an_agreement

SECONDS: Final = 5.0
MEBIBYTES: Final = 300
"""What one package may cost: processor time, and memory above what the process has without it."""

_ROOM: Final = 1024 * MIB
"""Address space over what a child has when it starts: who takes more is stopped before the machine suffers."""

_PATIENCE: Final = 12 * SECONDS

_SIEGFRIED: Final = Siegfried()
"""The true one: files spoilt by chance are its business too."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a package: findings counted by code, what is wrong with us, cost."""

    codes: dict[str, int] = field(default_factory=dict)
    refused: bool = False
    wrong: str = ""
    seconds: float = 0.0
    mebibytes: float = 0.0

    @property
    def amiss(self) -> str:
        """Say what must not be: a crash, a hang, a glut; empty when all is well."""
        if self.wrong:
            return self.wrong
        if self.seconds > SECONDS:
            return f"took {self.seconds:.1f} s"
        return f"took {self.mebibytes:.0f} MiB" if self.mebibytes > MEBIBYTES else ""


class Child:
    """A child process that judges; started anew after it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._end()

    def judge(self, package: Path) -> Judged:
        """Judge the package at a path without blanks."""
        process = self._process or self._started()
        pipe_in, pipe_out = cast("TextIO", process.stdin), cast("TextIO", process.stdout)
        pipe_in.write(f"{package}\n")
        pipe_in.flush()
        if not select.select([pipe_out], [], [], _PATIENCE)[0]:
            self._end()
            return Judged(wrong=f"no answer in {_PATIENCE:.0f} s")
        answer = pipe_out.readline()
        if not answer:
            code = process.wait()
            self._end()
            return Judged(wrong=f"the process died ({code})")
        return Judged(**json.loads(answer))

    def _started(self) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "tests.fuzzing.child"]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.wait()


def faults(verdict: Verdict) -> str:
    """Say in what a verdict breaks its promise; empty when it keeps it."""
    if unknown := {each.code for each in verdict.findings} - TEXTS.keys():
        return f"findings without a text: {sorted(unknown)}"
    for each in verdict.findings:
        text(each, "fr")
        f"{each.place}{dict(each.params)}".encode()
    if not is_refused(verdict.findings) and (verdict.manifest is None or verdict.inventory is None):
        return "neither an error nor all that was read"
    most = max(Counter((each.code, each.severity) for each in verdict.findings).values(), default=0)
    return f"{most} findings of one code" if most > Limits().max_findings_per_code else ""


def _judged(package: Path, before: int) -> Judged:
    # Peak of memory: what it was at most since it was forgotten here (proc(5), clear_refs).
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    began = time.process_time()
    agreement = an_agreement(schema_tolerances=tuple(TOLERANCES))
    try:
        verdict = judge(package, agreement, {}, Limits(), _SIEGFRIED.identify, None)
        codes = dict(Counter(each.code for each in verdict.findings))
        told = Judged(codes, is_refused(verdict.findings), faults(verdict))
    except Exception:  # noqa: BLE001 (this is what we are looking for)
        told = Judged(wrong=traceback.format_exc(limit=-6))
    spent, grown = time.process_time() - began, (_status("VmHWM") - before) / MIB
    return Judged(told.codes, told.refused, told.wrong, round(spent, 3), round(grown, 1))


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _serve() -> None:
    _warm()
    before = _status("VmRSS")
    most = _status("VmSize") + _ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for line in sys.stdin:
        answer: dict[str, Any] = asdict(_judged(Path(line.rstrip("\n")), before))
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def _warm() -> None:
    """Compile the grammars and load the instruments, so that no package is billed for them."""
    with tempfile.TemporaryDirectory() as folder:
        for version in ("2.0", "2.1", "2.2", "2.3"):
            sip = a_sip(Path(folder) / "sip", ASip(version=version, objects_extra="<x/>"))
            _judged(sip, 0)


if __name__ == "__main__":
    _serve()
