"""The trial of the descriptions: whom it asks as whom, what it counts, and what it says of what is amiss."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.local import stack
from shared.rooms import ROOMS
from shared.stopping import StopRequest
from tests.fuzzing.by_schema import ROOMS_OF_THE_PLATFORM, Caller, Seen
from trials import schemas
from trials.levers import Amiss
from trials.progress import Notebook, Progress
from trials.run import Run

OF_TOWN, OF_PLATFORM = Caller("of a town"), Caller("of the platform")


class Asking:
    """Stands where requests are drawn: notes who asks whom, and answers as it is told."""

    def __init__(self) -> None:
        self.seeds: list[int] = []
        self.asked: list[tuple[str, Caller, bool]] = []
        self.seen = Seen()

    def __call__(self, _: object, room: str, caller: Caller, effort: Any, *, of_the_platform: bool) -> Seen:  # noqa: ANN401
        self.seeds.append(effort.seed)
        self.asked.append((room, caller, of_the_platform))
        return self.seen


@pytest.fixture
def downs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The homes of the stacks that were stopped; none is started."""
    stopped: list[Path] = []
    monkeypatch.setattr(stack, "up", lambda *_: SimpleNamespace(base_url="http://nowhere.invalid"))
    monkeypatch.setattr(stack, "down", stopped.append)
    return stopped


@pytest.fixture
def asking(downs: list[Path], monkeypatch: pytest.MonkeyPatch) -> Asking:
    del downs
    asking = Asking()
    monkeypatch.setattr(schemas, "belongings", lambda *_: None)
    monkeypatch.setattr(schemas, "of_town", lambda _: OF_TOWN)
    monkeypatch.setattr(schemas, "of_platform", lambda _: OF_PLATFORM)
    monkeypatch.setattr(schemas, "ask", asking)
    return asking


def a_run(folder: Path, seed: int = 1) -> Run:
    progress = Progress(trial="schemas", seed=seed, count=len(ROOMS), hours=1)
    return Run(folder, Notebook(folder, progress), StopRequest())


def test_each_room_is_asked_by_a_town_and_for_what_is_of_the_platform_by_who_has_rights_everywhere(
    asking: Asking, tmp_path: Path
) -> None:
    asking.seen.answers["GET /x", 200] = 2
    run = a_run(tmp_path)

    figures = schemas.play(run)

    assert sorted(asking.asked, key=str) == sorted(
        [(room, OF_TOWN, False) for room in ROOMS] + [(room, OF_PLATFORM, True) for room in ROOMS_OF_THE_PLATFORM],
        key=str,
    )
    assert run.left == ()
    assert figures == {"answers": 2 * len(asking.asked)}
    assert set(run.notebook.progress.counted) == {f"{room}: 200" for room in ROOMS}


def test_its_seed_decides_what_is_drawn(asking: Asking, tmp_path: Path) -> None:
    drawn = []
    for number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        schemas.play(a_run(folder, seed))
        drawn.append(tuple(asking.seeds))
        asking.seeds.clear()

    assert drawn[0] == drawn[1] != drawn[2]


def test_what_is_amiss_is_told_with_its_room_its_seed_and_its_command_and_the_stack_is_stopped(
    asking: Asking, downs: list[Path], tmp_path: Path
) -> None:
    asking.seen.amiss["GET /x: a server error"] = "curl http://nowhere.invalid/x"
    run = a_run(tmp_path)

    with pytest.raises(Amiss, match=rf"{ROOMS[0]}, seed [0-9]+, town: GET /x: a server error\ncurl http"):
        schemas.play(run)

    assert len(run.left) == len(ROOMS)
    assert downs == [tmp_path / "home"]
