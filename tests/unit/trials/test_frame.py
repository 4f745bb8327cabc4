"""The frame of long trials: the seed decides, what was done is kept, the result is a dated document."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.trials.stand_in_trial import DEAD, FAILING, INTERRUPTED, STAND_IN
from trials import __main__ as frame
from trials import progress
from trials.list_of_trials import TRIALS


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Where the state goes and where the results go; the stand-in is known."""
    home, results = tmp_path / "state", tmp_path / "results"
    home.mkdir()
    monkeypatch.setitem(TRIALS, "stand-in", STAND_IN)
    return home, results


def play(places: tuple[Path, Path], *words: str) -> int:
    home, results = places
    return frame.main(["--only", "stand-in", "--home", str(home), "--results", str(results), *words])


@contextmanager
def befallen(places: tuple[Path, Path], what: str) -> Iterator[None]:
    (places[0] / what).touch()
    try:
        yield
    finally:
        (places[0] / what).unlink()


def the_sum(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("| sum")]


def the_result(places: tuple[Path, Path]) -> str:
    [document] = places[1].iterdir()
    assert document.name.endswith("-stand-in.md")
    return document.read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_trial_and_another_seed_another(places: tuple[Path, Path]) -> None:
    sums = []
    for seed in ("7", "7", "8"):
        assert play(places, "--seed", seed) == 0
        [document] = places[1].iterdir()
        sums.append(the_sum(document.read_text(encoding="utf-8")))
        document.unlink()

    assert sums[0] == sums[1] != sums[2]


def test_a_result_says_what_was_done_and_on_what_and_names_no_place(places: tuple[Path, Path]) -> None:
    assert play(places, "--seed", "7", "--count", "2") == 0

    said = the_result(places)
    for line in ("| verdict | passed |", "| seed | 7 |", "| units drawn | 2 |", "in 1 start |"):
        assert line in said
    assert "`python -m trials --only stand-in --seed 7 --count 2`" in said
    assert f"{os.cpu_count()} cores" in said
    assert str(places[0]) not in said
    assert list(places[0].iterdir()) == []


def test_a_seed_that_is_not_given_is_drawn_printed_and_recorded(
    places: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(places) == 0

    [seed] = [line.split()[3] for line in the_result(places).splitlines() if line.startswith("| seed")]
    assert f"stand-in, seed {seed}:" in capsys.readouterr().out


def test_a_failure_says_what_to_look_at_and_leaves_it_there(
    places: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (places[0] / FAILING).touch()

    assert play(places, "--seed", "7") == 1

    told = capsys.readouterr()
    assert f"{places[0] / 'stand-in-7' / 'home'}" in told.err
    assert (places[0] / "stand-in-7" / "progress.json").exists()
    said = the_result(places)
    assert "| verdict | **failed** |" in said
    assert "a copy is missing in …" in said
    assert str(places[0]) not in said


def test_a_second_result_of_a_day_leaves_the_first(places: tuple[Path, Path]) -> None:
    assert play(places) == 0
    assert play(places) == 0

    assert sorted(path.name[10:] for path in places[1].iterdir()) == ["-stand-in-2.md", "-stand-in.md"]


def test_a_trial_ends_by_itself_when_its_time_is_up(places: tuple[Path, Path]) -> None:
    assert play(places, "--hours", "0.000000000001") == 0

    assert "| bounded | 0 of 3 units done" in the_result(places)


def test_a_trial_told_to_stop_goes_on_later_with_what_is_left(
    places: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with befallen(places, INTERRUPTED):
        assert play(places, "--seed", "7") == 130
    assert "go on with --resume" in capsys.readouterr().out
    assert not places[1].exists()

    assert play(places, "--resume") == 0

    assert_whole(places, starts=2)


def test_a_trial_that_died_goes_on_later_with_what_is_left(places: tuple[Path, Path]) -> None:
    with befallen(places, DEAD), pytest.raises(SystemExit):
        play(places, "--seed", "7")
    before = progress.unfinished(places[0], "stand-in")
    assert before is not None
    assert set(before.done) == {0}

    assert play(places, "--resume") == 0

    assert_whole(places, starts=2)


def test_without_resume_a_trial_begins_anew(places: tuple[Path, Path]) -> None:
    with befallen(places, DEAD), pytest.raises(SystemExit):
        play(places, "--seed", "7")

    assert play(places, "--seed", "7") == 0

    assert_whole(places, starts=1)


def assert_whole(places: tuple[Path, Path], *, starts: int) -> None:
    """The result is that of a trial that was never stopped."""
    said = the_result(places)
    assert "| units drawn | 3 |" in said
    assert "| seed | 7 |" in said
    assert f"in {starts} start" in said
    [document] = places[1].iterdir()
    document.unlink()
    assert play(places, "--seed", "7") == 0
    assert the_sum(said) == the_sum(the_result(places))


@pytest.mark.parametrize("words", [["--only", "nothing"], ["--count", "0"], ["--hours", "-1"], ["--hours", "soon"]])
def test_what_cannot_be_understood_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        frame.main(words)

    assert refused.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_the_list_names_every_trial(capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main(["--list"]) == 0

    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [
        *("kill-rooms", "restart-broker", "restart-database", "two-processes", "sites", "burn-database"),
        "fault-points",
        *("schema-mutants", "fuzz", "schemas", "uploads"),
    ]


def test_progress_is_readable_by_people(places: tuple[Path, Path]) -> None:
    (places[0] / FAILING).touch()
    play(places, "--seed", "7")

    kept = json.loads((places[0] / "stand-in-7" / "progress.json").read_text(encoding="utf-8"))
    assert (kept["trial"], kept["seed"], kept["starts"], len(kept["done"])) == ("stand-in", 7, 1, 3)
