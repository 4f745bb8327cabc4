"""Death between every two side effects: at each place of `shared.faults` a process dies, and the end is the same.

The places are gone through one by one, each with a town of its own, and each flow is brought about from outside.
After each of them the whole archive is looked at, not only what belongs to that town.
"""

import json
import shutil
from typing import Final
from uuid import uuid4

from services.local import processes
from services.local.stack import Plan
from shared.faults import FAULT_POINTS
from shared.rooms import ROOMS
from trials.deposits import standing
from trials.dying import started_anew
from trials.evidence import assert_told_once, until_all, until_idle
from trials.fault_flows import flow_by
from trials.keeping import HoldingKey, Sites, assert_kept
from trials.levers import Levers
from trials.run import Figures, Run
from trials.scenes import PATIENCE, Scene
from trials.third_sites import retire_left
from trials.towns import Archive, a_town

LEASE_SECONDS: Final = 5
"""What the dead had in hand is taken up when their lease ends; 30 s would be waited out at each place."""

PLACES: Final = tuple(sorted(name for name in FAULT_POINTS if flow_by(name) is not None))
"""Every place that the trial goes through."""


def play(run: Run) -> Figures:
    """Have a process die at each place; `Amiss` where what it left does not lead to the same end."""
    with standing(run, Plan(also={"CHARTRIER_LEASE_SECONDS": str(LEASE_SECONDS)})) as levers:
        _clear_away(run, levers)
        whole = 0
        for number in run.left:
            if run.is_over():
                break
            place = PLACES[number % len(PLACES)]
            print(f"  place {number + 1} of {run.count}: {place}", flush=True)
            whole = _play(run, levers, number, place)
        run.heed()
        return {
            "places gone through": len({PLACES[number % len(PLACES)] for number in run.notebook.progress.done}),
            "copies read whole from the sites at the end": whole,
            "journal lines": levers.count("SELECT count(*) FROM proof.line"),
            "dead letters": sum(levers.count("SELECT count(*) FROM dead_letter", room=room) for room in ROOMS),
        }


def _clear_away(run: Run, levers: Levers) -> None:
    """Put away what a trial that was killed left: workers that are to die, rooms that are parted, a third site."""
    for scene in run.folder.glob("scene-*"):
        for pid_file in scene.glob("*.pid"):
            if (mark := processes.read_mark(pid_file)) is not None:
                processes.kill(mark)
        shutil.rmtree(scene)
    levers.make_whole()
    for room in ROOMS:
        started_anew(levers, room)
    retire_left(levers, run.folder / "sites")


def _play(run: Run, levers: Levers, number: int, place: str) -> int:
    flow = flow_by(place)
    if flow is None:
        raise AssertionError(f"no flow comes by {place}")
    archive = Archive("full-stack", levers.stack.base_url, levers.stack.home / "admin-client.json")
    folder = run.folder / f"scene-{uuid4().hex[:8]}"
    scene = Scene(run, levers, a_town(archive), place, folder)
    until_idle(levers, patience=PATIENCE)
    flow(scene)
    whole = _require_same_end(scene)
    left = {"place": place, "establishment": scene.town.establishment, "purged": scene.purged}
    run.notebook.note_done(number, json.dumps(left))
    run.notebook.count(f"died at {place}, and came to the same end")
    run.notebook.note_time(run.spent)
    shutil.rmtree(folder)
    return whole


def _require_same_end(scene: Scene) -> int:
    until_all(scene.levers, scene.transfers, "accepted", patience=PATIENCE)
    until_idle(scene.levers, patience=PATIENCE)
    assert_told_once(scene.levers, scene.town, scene.transfers, scene.again)
    before = [json.loads(left) for left in scene.run.notebook.progress.done.values()]
    establishments = [scene.town.establishment, *(one["establishment"] for one in before)]
    purged: list[HoldingKey] = [*scene.purged, *((aip, version) for one in before for aip, version in one["purged"])]
    return assert_kept(Sites(scene.levers), establishments, purged)
