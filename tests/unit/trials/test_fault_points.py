"""The trial of deaths: it goes through every place there is, sees who died where, and forgets nothing it has done."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha512
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.local import processes
from services.local.rooms import Room
from services.local.stack import HERE
from shared.faults import FAULT_POINTS
from shared.stopping import StopRequest
from trials import dying, fault_points
from trials.dying import Parted
from trials.fault_flows import PLACES, flow_by
from trials.keeping import Sites
from trials.levers import Amiss
from trials.progress import Notebook, Progress
from trials.run import Run
from trials.scenes import Scene

AT, AWAY = "storage.write.put", "storage.write.noted"


def test_it_goes_through_every_place_there_is() -> None:
    assert set(fault_points.PLACES) == FAULT_POINTS


def test_each_of_its_flows_comes_by_a_place() -> None:
    assert set(PLACES.values()) == {flow_by(name) for name in fault_points.PLACES}


class Playing:
    """Stands where a stack is: notes which places were played, and fails where it is told to."""

    def __init__(self) -> None:
        self.played: list[str] = []
        self.looked_at: list[tuple[list[str], list[tuple[str, int]]]] = []
        self.fails_at = ""

    def flow(self, scene: Scene) -> None:
        if scene.place == self.fails_at:
            raise Amiss(f"a copy is missing in {scene.folder}")
        self.played.append(scene.place)
        scene.purged.append((f"aip of {scene.town.establishment}", 1))

    def kept(self, _: Sites, establishments: list[str], purged: list[tuple[str, int]]) -> int:
        self.looked_at.append((list(establishments), list(purged)))
        return len(establishments)


@pytest.fixture
def playing(monkeypatch: pytest.MonkeyPatch) -> Playing:
    playing, towns = Playing(), iter(range(1000))

    @contextmanager
    def standing(*_: object) -> Iterator[Any]:
        stack = SimpleNamespace(base_url="http://nowhere.invalid", home=Path())
        yield SimpleNamespace(stack=stack, count=lambda *_, **__: 0, make_whole=lambda: None)

    monkeypatch.setattr(fault_points, "standing", standing)
    monkeypatch.setattr(fault_points, "a_town", lambda _: SimpleNamespace(establishment=f"town {next(towns)}"))
    monkeypatch.setattr(fault_points, "flow_by", lambda _: playing.flow)
    monkeypatch.setattr(fault_points, "assert_kept", playing.kept)
    for name in ("started_anew", "retire_left", "until_idle", "until_all", "assert_told_once"):
        monkeypatch.setattr(fault_points, name, lambda *_, **__: None)
    return playing


def a_run(folder: Path, count: int = len(fault_points.PLACES), done: dict[int, str] | None = None) -> Run:
    progress = Progress(trial="fault-points", seed=1, count=count, hours=1, done=done or {})
    return Run(folder, Notebook(folder, progress), StopRequest())


def test_each_unit_is_a_place_and_what_was_purged_before_stays_looked_at(playing: Playing, tmp_path: Path) -> None:
    run = a_run(tmp_path)

    figures = fault_points.play(run)

    assert playing.played == sorted(fault_points.PLACES)
    assert (
        figures["places gone through"]
        == figures["copies read whole from the sites at the end"]
        == len(fault_points.PLACES)
    )
    establishments, purged = playing.looked_at[-1]
    assert sorted(f"aip of {one}" for one in establishments) == sorted(aip for aip, _ in purged)
    assert set(run.notebook.progress.counted) == {
        f"died at {name}, and came to the same end" for name in fault_points.PLACES
    }


def test_taken_up_again_it_plays_what_is_left_and_looks_at_what_was_done(playing: Playing, tmp_path: Path) -> None:
    done = {"place": "storage.write.put", "establishment": "before", "purged": [["gone", 1]]}
    run = a_run(tmp_path, 2, {0: json.dumps(done)})

    fault_points.play(run)

    assert playing.played == [fault_points.PLACES[1]]
    establishments, purged = playing.looked_at[-1]
    assert "before" in establishments
    assert ("gone", 1) in purged


def test_a_place_that_does_not_come_to_the_same_end_fails_it_and_is_left_to_be_looked_at(
    playing: Playing, tmp_path: Path
) -> None:
    playing.fails_at = fault_points.PLACES[1]
    run = a_run(tmp_path)

    with pytest.raises(Amiss, match="a copy is missing"):
        fault_points.play(run)

    assert set(run.notebook.progress.done) == {0}
    assert [path.name.partition("-")[0] for path in tmp_path.iterdir() if path.is_dir()] == ["scene"]


def test_who_was_to_die_for_a_trial_that_was_killed_does(playing: Playing, tmp_path: Path) -> None:
    scene = tmp_path / "scene-of-before"
    scene.mkdir()
    orphan = a_worker(scene, "import time; time.sleep(600)").worker
    orphan.launch()
    mark = orphan.mark
    assert processes.is_alive(mark)

    fault_points.play(a_run(tmp_path, 1))

    assert playing.played == [fault_points.PLACES[0]]
    assert not scene.exists()
    assert not processes.is_alive(mark)


def a_worker(folder: Path, says: str) -> Parted:
    code = f"from shared.faults import fault_point\n{says}"
    environment = {"PYTHONPATH": str(HERE), "PATH": "/usr/bin:/bin"}
    return Parted(Room("storage", 0, (sys.executable, "-c", code), environment, folder))


def test_who_dies_at_the_place_has_died_there(tmp_path: Path) -> None:
    with a_worker(tmp_path, f"fault_point({AWAY!r}); fault_point({AT!r}); open('beyond', 'w')").dying(AT):
        pass

    assert not (tmp_path / "beyond").exists()


def test_who_ends_otherwise_has_not_died_there(tmp_path: Path) -> None:
    with (
        pytest.raises(Amiss, match=r"was to die at storage\.write\.put, and ended otherwise"),
        a_worker(tmp_path, f"fault_point({AWAY!r})").dying(AT),
    ):
        pass


def test_who_lives_on_never_came_by_and_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dying, "REACHED_WITHIN", 0.1)
    parted = a_worker(tmp_path, "import time; time.sleep(600)")

    with pytest.raises(Amiss, match=r"never came by storage\.write\.put"), parted.dying(AT):
        pass

    assert not parted.worker.is_alive()


def test_a_site_in_a_folder_gives_what_lies_there(tmp_path: Path) -> None:
    sites = Sites(SimpleNamespace(), {"third": tmp_path})  # type: ignore[arg-type]
    (tmp_path / "key").write_bytes(b"bytes")

    assert sites.names() == {"site-a", "site-b", "third"}
    assert sites.lying("third", "key", None) == sha512(b"bytes").hexdigest()
    assert sites.traces("third", "key") == [str(tmp_path / "key")]
    assert sites.traces("third", "gone") == []
