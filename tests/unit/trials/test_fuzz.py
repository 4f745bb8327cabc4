"""The trial of nonsense: what it counts, and what it leaves of what is amiss."""

import os
from pathlib import Path

import pytest

from services.ingest.domain.limits import MIB
from shared.stopping import StopRequest
from tests.fuzzing import child
from tests.fuzzing.by_chance import MAKERS
from tests.fuzzing.child import Child, Judged
from trials import fuzz
from trials.levers import Amiss
from trials.progress import Notebook, Progress
from trials.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A trial of which one shape and one unit of chance are left."""
    shapes = len(fuzz.shapes())
    done = dict.fromkeys(range(1, shapes), "well")
    progress = Progress(trial="fuzz", seed=1, count=shapes + 1, hours=1, done=done)
    return Run(tmp_path, Notebook(tmp_path, progress), StopRequest())


def test_it_judges_a_shape_then_packages_by_chance(run: Run) -> None:
    figures = fuzz.play(run)

    assert run.left == ()
    assert set(figures) == {"most seconds of processor for one package", "most MiB of memory for one package"}
    counted = run.notebook.progress.counted
    assert counted.pop("manifest: refused") == 1
    assert sum(counted.values()) == fuzz.EACH
    assert {what.partition(":")[0] for what in counted} == set(MAKERS)


def test_what_is_amiss_is_told_with_its_seed_and_left(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Child, "judge", lambda *_: Judged(wrong="" if len(run.left) > 1 else "it fell"))

    with pytest.raises(Amiss, match=r"seed [0-9]+: it fell"):
        fuzz.play(run)

    assert (run.folder / "package").exists()


@pytest.mark.parametrize(
    ("judged", "told"),
    [
        (Judged(seconds=5.1), "took 5.1 s"),
        (Judged(mebibytes=301), "took 301 MiB"),
        (Judged(seconds=4.9, mebibytes=299), ""),
    ],
)
def test_what_is_too_much_is_said(judged: Judged, told: str) -> None:
    assert judged.amiss == told


def test_a_process_that_dies_or_does_not_answer_is_told_of_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "sip"
    package.write_bytes(bytes(MIB))
    nobody_writes = tmp_path / "pipe"
    os.mkfifo(nobody_writes)
    with Child() as one:
        assert one.judge(package).amiss == ""
        monkeypatch.setattr(child, "_PATIENCE", 0.1)
        assert one.judge(nobody_writes).amiss == "no answer in 0 s"
        monkeypatch.undo()
        assert "FileNotFoundError" in one.judge(tmp_path / "absent").amiss
        assert one.judge(package).codes == {"CONTAINER_NOT_AN_ARCHIVE": 1}
