"""Deposits under load while something goes wrong again and again: each is accepted exactly once all the same."""

import json
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

from bench.workloads import Series, small_sip
from chartrier_client.errors import Problem, UnexpectedAnswer, Unreachable
from chartrier_client.http import Client
from services.local import files, ports, stack
from services.local.stack import Plan
from shared.rooms import ROOMS
from trials.evidence import assert_accepted_once
from trials.levers import Amiss, Levers
from trials.mishaps import Mishap
from trials.run import Figures, Run
from trials.towns import Archive, Town, a_town

LANES = 16
"""Deposits on their way at one time."""

WAVE_SECONDS = 5.0
"""The deposits of a wave begin within so many seconds: before, during and after its mishap."""

PATIENCE = 900.0
"""Seconds after which a deposit that is not accepted is lost: the longest back-off is 300 s."""

_AGAIN = 1.0
"""Seconds a depositor waits before it sends the same bytes again."""

_MAY_PASS = frozenset({429, 502, 503, 504, 507})
"""Answers after which a depositor may send the same bytes again."""


@dataclass(frozen=True, slots=True)
class UnderLoad:
    """Deposits come in waves, and in the midst of each wave there is a mishap."""

    mishap: Mishap
    wave: int = 5
    processes: int = 1

    def __call__(self, run: Run) -> Figures:
        """Play it to its end; `Amiss` where a deposit is lost, repeated, or leaves a trace it should not."""
        with standing(run, Plan(processes=self.processes)) as levers:
            town = founded(run, levers)
            self._waves(run, levers, town)
            run.heed()
            levers.make_whole()
            transfers = list(run.notebook.progress.done.values())
            if not transfers:
                raise Amiss("no deposit was taken in before the time was up")
            assert_accepted_once(levers, town, transfers, patience=PATIENCE)
            return _figures(levers, town)

    def _waves(self, run: Run, levers: Levers, town: Town) -> None:
        left = run.left
        depositor = _Depositor(run, town)
        under_way: list[Future[None]] = []
        with town.client() as client, ThreadPoolExecutor(LANES) as lanes:
            for wave in (left[start : start + self.wave] for start in range(0, len(left), self.wave)):
                if run.is_over():
                    break
                chance = run.chance(f"wave/{wave[0]}")
                begins = [chance.uniform(0, WAVE_SECONDS) for _ in wave]
                under_way += [
                    lanes.submit(depositor.deposit, client, *turn) for turn in zip(wave, begins, strict=True)
                ]
                run.pause(chance.uniform(0, WAVE_SECONDS / 2))
                for happened in self.mishap(levers, chance, run):
                    run.notebook.count(happened)
                run.notebook.note_time(run.spent)
                while _waiting(under_way) > LANES and not run.is_over():
                    run.pause(_AGAIN)  # a mishap among deposits that nobody sends yet would try nothing
                _say(run, under_way)
        for done in under_way:
            done.result()


class _Depositor:
    """Makes deposits as an integrator's software should: without an answer, it sends the same bytes again."""

    def __init__(self, run: Run, town: Town) -> None:
        self._run = run
        self._town = town
        self._series = Series(run.notebook.progress.trial, run.notebook.progress.seed)
        self._folder = files.private_folder(run.folder / "sips")

    def deposit(self, client: Client, number: int, after: float) -> None:
        """Wait, deposit the SIP of this number and note its transfer; give up, unnoted, when told to stop."""
        self._run.pause(after)
        sip = small_sip(self._series, number, self._folder / f"{number}.zip", size=16384)
        try:
            while not self._run.stopping:
                transfer = self._once(client, sip)
                if transfer is not None:
                    self._run.notebook.note_done(number, transfer)
                    return
                self._run.notebook.count("deposits sent again")
                self._run.pause(_AGAIN)
        finally:
            sip.unlink()

    def _once(self, client: Client, sip: Path) -> str | None:
        try:
            return client.deposit(sip, self._town.agreement)
        except (Unreachable, UnexpectedAnswer):
            return None
        except Problem as said:
            if said.status not in _MAY_PASS:
                raise Amiss(f"a sound deposit was refused: {said}") from said
            return None


@contextmanager
def standing(run: Run, plan: Plan) -> Iterator[Levers]:
    """Lend the full stack of this run, found again as it was left; it is stopped afterwards, its data stay."""
    home = run.folder / "home"
    known = stack.load(home)
    port = ports.free_ports(1)[0] if known is None else known.port
    try:
        yield Levers.of(stack.up(home, port, plan))
    finally:
        stack.down(home)


def founded(run: Run, levers: Levers) -> Town:
    """Found the town of this run, once."""
    archive = Archive("full-stack", levers.stack.base_url, levers.stack.home / "admin-client.json")
    place = run.folder / "town.json"
    if place.exists():
        return Town(archive=archive, **json.loads(place.read_text(encoding="utf-8")))
    town = a_town(archive)
    known = {name: value for name, value in asdict(town).items() if name != "archive"}
    files.write_private(place, json.dumps(known))
    return town


def _waiting(under_way: Sequence[Future[None]]) -> int:
    return sum(not future.done() for future in under_way)


def _say(run: Run, under_way: Sequence[Future[None]]) -> None:
    taken_in = len(run.notebook.progress.done)
    print(f"  {taken_in} of {run.count} deposits taken in, {_waiting(under_way)} on their way", flush=True)


def _figures(levers: Levers, town: Town) -> Figures:
    took = levers.ask(
        "SELECT extract(epoch FROM changed_at - received_at)::float FROM ingest.transfer WHERE establishment = $1",
        UUID(town.establishment),
    )
    seconds = [row[0] for row in took]
    staging = levers.stack.folder / "staging"
    left = [path for path in staging.rglob("*") if path.is_file() and path.parent.name != "replies"]
    return {
        "deposits accepted exactly once": len(seconds),
        "median seconds from received to accepted": round(statistics.median(seconds), 1),
        "longest seconds from received to accepted": round(max(seconds), 1),
        "journal lines": levers.count("SELECT count(*) FROM proof.line"),
        "files left in staging that no row names": len(left),
        "dead letters": sum(levers.count("SELECT count(*) FROM dead_letter", room=room) for room in ROOMS),
    }
